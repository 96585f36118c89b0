"""An architecture for weights that came without one: one of ours by name, or the user's own."""

import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sparseprune import models
from sparseprune.errors import InputError, first_line
from sparseprune.exporter.foreign_state import State

_IMPORT_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


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
    if _IMPORT_PATH.fullmatch(arch):
        return _own(arch, options)
    given = {**options, "classes": options.get("classes", _classes(state))}
    channels, height, width = (*input_shape, 0, 0, 0)[:3]
    return models.build(arch, input_shape=(channels, height, width), **given)


def _classes(state: State) -> int:
    matrices = [tensor for tensor in state.values() if tensor.dim() == 2]
    return len(matrices[-1]) if matrices else 0


def _own(arch: str, options: Mapping[str, Any]) -> nn.Module:
    module, _, attribute = arch.partition(":")
    try:
        with _working_directory_first():
            builder: Any = importlib.import_module(module)
            for part in attribute.split("."):
                builder = getattr(builder, part)
            model = builder(**options)
    except Exception as error:  # the user's code may raise anything
        raise InputError(
            f"architecture {arch!r}: expected a function or class that makes the network from "
            f"{_listed(options)}, but it said {type(error).__name__}: {first_line(error)}; "
            "check the import path and the options"
        ) from error
    if not isinstance(model, nn.Module):
        raise InputError(
            f"architecture {arch!r}: expected it to return a torch.nn.Module, "
            f"got {type(model).__name__}; name the function or class that builds the network"
        )
    return model


def _listed(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in options.items()) or "no arguments"


@contextmanager
def _working_directory_first() -> Iterator[None]:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


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
