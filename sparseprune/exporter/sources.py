"""Networks that other tools pruned: a torch checkpoint with its architecture, or a program.

What is in such files is data: nothing of it is executed. Only ``arch`` names code to run, and that
is the user's own.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.exporter import architectures, foreign_masks, foreign_state, programs
from sparseprune.files import sha256
from sparseprune.formats.finite import check_finite

_LAYERS = (
    nn.Linear,
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)
PROGRAM = ".pt2"
# What checkpoints are usually called; with an architecture any other ending will do.
CHECKPOINTS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
_SEED = 0


@dataclass(frozen=True)
class Source:
    """A network read from a file of another tool.

    Attributes:
        kind: which of the two it is.
        module: of "module": the network in eval mode, its masks applied.
        program: of "program": what torch.export made.
        example: of "module" a batch of two pictures [2, C, H, W], random; of "program" its own
            example inputs.
        provenance: ``source_file``, ``source`` (SHA-256 of the file), ``found`` (the conventions),
            ``sparsity`` (share of zeros by layer, of those that have any), ``zeros`` (overall) and
            for a module ``arch``.
    """

    kind: Literal["module", "program"]
    module: nn.Module | None
    program: torch.export.ExportedProgram | None
    example: Any
    provenance: dict[str, Any]


def load(
    path: str | Path,
    arch: str | None = None,
    options: Mapping[str, Any] | None = None,
    input_shape: Sequence[int] | None = None,
    *,
    masks: str | Path | None = None,
) -> Source:
    """Read what others pruned.

    Args:
        path: a torch.export program (.pt2), or a checkpoint (``CHECKPOINTS``).
        arch: of a checkpoint: one of ``models.NAMES``, or ``package.module:callable``, the user's
            own code that makes the network.
        options: keyword arguments of the architecture.
        input_shape: of one input, without the batch: [C, H, W].
        masks: a file of masks beside the checkpoint, see ``foreign_masks.listed``.

    Raises:
        InputError: a file is not what is expected, would run code to be read, or does not fit the
            architecture.
    """
    path = Path(path)
    if path.suffix == PROGRAM:
        return _program(path)
    if arch is None and path.suffix not in CHECKPOINTS:
        raise InputError(
            f"{path}: expected a file that ends in .onnx, in .pt2 (a torch.export program) or in "
            f"{', '.join(CHECKPOINTS)} (checkpoints), got {path.suffix or 'no ending'}; rename it, "
            "or say with --arch and --shape what a torch checkpoint holds"
        )
    if arch is None or input_shape is None:
        raise InputError(
            f"{path}: expected the architecture and the shape of an input, because a checkpoint "
            "holds weights alone; give --arch NAME or package.module:callable, and --shape"
        )
    shape = tuple(input_shape)
    if not shape or not all(isinstance(size, int) and size > 0 for size in shape):
        raise InputError(f"input shape: expected positive whole numbers, got {list(input_shape)}")
    return _checkpoint(path, arch, dict(options or {}), shape, masks)


def _checkpoint(
    path: Path,
    arch: str,
    options: dict[str, Any],
    shape: tuple[int, ...],
    masks: str | Path | None,
) -> Source:
    state, rest = foreign_state.read(path)
    state, found = foreign_masks.settle(state)
    if masks is not None:
        listed = foreign_masks.listed(foreign_state.unpack(Path(masks)), str(masks))
        foreign_masks.apply(state, listed)
        found.append(f"masks of {Path(masks).name}")
    if "recipe" in rest:
        found.append("SparseML recipe")
    model = architectures.build(arch, options, shape, state)
    architectures.load(model, state, str(path))
    check_finite(model.state_dict(), f"{path}: ")
    weights = {
        name: module.weight
        for name, module in model.named_modules()
        if isinstance(module, _LAYERS) and isinstance(module.weight, torch.Tensor)
    }
    notes = {**_origin(path), "arch": arch, **_zeros(weights, found)}
    return Source("module", model, None, _example(shape), notes)


def _program(path: Path) -> Source:
    program = programs.read(path)
    state = {name: tensor for name, tensor in program.state_dict.items() if tensor.dim() > 1}
    check_finite(program.state_dict, f"{path}: ")
    notes = {**_origin(path), **_zeros(state, ["torch.export program"])}
    return Source("program", None, program, program.example_inputs, notes)


def _origin(path: Path) -> dict[str, Any]:
    return {"source_file": path.name, "source": sha256(path)}


def _zeros(weights: Mapping[str, torch.Tensor], found: list[str]) -> dict[str, Any]:
    zeros = {name: int((weight == 0).sum()) for name, weight in weights.items()}
    total = sum(weight.numel() for weight in weights.values())
    if not found:
        found = ["plain zeros"] if any(zeros.values()) else ["no zeros"]
    return {
        "found": found,
        "sparsity": {name: round(n / weights[name].numel(), 4) for name, n in zeros.items() if n},
        "zeros": round(sum(zeros.values()) / max(total, 1), 4),
    }


def _example(shape: tuple[int, ...]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(_SEED)
    return torch.randn(2, math.prod(shape), generator=generator).reshape(2, *shape)
