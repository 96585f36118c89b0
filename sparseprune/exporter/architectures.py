"""An architecture for weights that came without one: one of ours by name, or the user's own."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from sparseprune import models
from sparseprune.errors import InputError
from sparseprune.exporter.foreign_state import State


def build(
    arch: str, options: Mapping[str, Any], input_shape: tuple[int, ...], state: State
) -> nn.Module:
    """The network, with weights still to be loaded.

    Args:
        arch: a name of ``models.NAMES``, or ``package.module:callable``, which is imported (from
            the working directory too) and called: the user's own code, on their word.
        options: keyword arguments; of ours also ``classes``, which the last matrix tells if absent.
        input_shape: [C, H, W]; what ours are built for.
        state: the weights that are to be loaded.

    Raises:
        InputError: an unknown name, or the builder fails or makes no ``torch.nn.Module``.
    """
    if models.own.is_path(arch):
        models.own.allow(arch)
        return models.own.build(arch, options)
    given = {**options, "classes": options.get("classes", _classes(state))}
    channels, height, width = (*input_shape, 0, 0, 0)[:3]
    return models.build(arch, input_shape=(channels, height, width), **given)


def _classes(state: State) -> int:
    matrices = [tensor for tensor in state.values() if tensor.dim() == 2]
    return len(matrices[-1]) if matrices else 0


def load(model: nn.Module, state: State, where: str) -> None:
    """Put ``state`` into ``model``, cast to its types.

    Raises:
        InputError: names what is missing, unexpected or of another shape.
    """
    expected = model.state_dict()
    # Counters of BatchNorm came with torch 0.4.1 and do not take part in inference.
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    found = {
        "missing": [name for name in expected if name not in state and name not in counters],
        "unexpected": [name for name in state if name not in expected],
        "of another shape": [
            f"{name} {list(tensor.shape)} instead of {list(expected[name].shape)}"
            for name, tensor in state.items()
            if name in expected and tensor.shape != expected[name].shape
        ],
    }
    wrong = [f"{kind}: {_few(names)}" for kind, names in found.items() if names]
    if wrong:
        raise InputError(
            f"{where}: expected the tensors of the architecture, got {'; '.join(wrong)}; "
            "give the architecture and options the weights were trained with"
        )
    with torch.no_grad():
        model.load_state_dict({**{name: expected[name] for name in counters}, **state})
    model.eval()


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
