"""A network on disk: its architecture, its tensors, and where it comes from, in one file."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from sparseprune.errors import InputError
from sparseprune.formats import container
from sparseprune.formats.finite import check_finite

KIND = "checkpoint"
DTYPES = (
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
)


@dataclass(frozen=True)
class Checkpoint:
    """A state dict with what is needed to rebuild its network and to trace its origin.

    Attributes:
        model: ``name`` and ``options`` of the builder, ``input_shape`` [C, H, W], ``classes``.
        state: parameters and buffers by name, as ``Module.state_dict`` gives them.
        meta: provenance in plain JSON values: method, target_ratio, ratio, unit, seed, form
            ("dense", "sparse" or "slim"), coupling, round_to, recipe, digests, versions.
    """

    model: dict[str, Any]
    state: dict[str, torch.Tensor]
    meta: dict[str, Any] = field(default_factory=dict)


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` to ``path``, whole or not at all.

    Raises:
        InputError: a tensor holds NaN or infinity or has a type we do not store, or ``model`` or
            ``meta`` hold something JSON cannot.
    """
    _check(path, checkpoint.state)
    document = {"model": checkpoint.model, "meta": checkpoint.meta}
    container.write(path, KIND, checkpoint.state, document)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing in the file is executed.

    Raises:
        InputError: the file is missing, cut short or foreign, or a tensor is NaN or infinite.
    """
    state, document = container.read(path, KIND)
    model, meta = document.get("model"), document.get("meta")
    if not isinstance(model, dict) or not isinstance(meta, dict):
        raise InputError(
            f"{path}: expected 'model' and 'meta' in its metadata; "
            "the file is damaged, write the checkpoint again"
        )
    _check(path, state)
    return Checkpoint(model, state, meta)


def digest(state: Mapping[str, torch.Tensor]) -> str:
    """Hex SHA-256 over names, types, shapes and bytes; independent of order and memory layout."""
    total = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        total.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def _check(path: Path, state: Mapping[str, torch.Tensor]) -> None:
    for name, tensor in state.items():
        if tensor.dtype not in DTYPES:
            known = ", ".join(str(dtype).removeprefix("torch.") for dtype in DTYPES)
            raise InputError(
                f"{path}: tensor {name!r}: expected one of {known}, got "
                f"{str(tensor.dtype).removeprefix('torch.')}; convert it first"
            )
    check_finite(state, f"{path}: ")
