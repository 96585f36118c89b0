"""Which weights may only go together: the shapes of zeros that kernels run fast."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch

from sparseprune.errors import InputError

# Far above any kernel's; a larger number in a recipe is a slip.
_LARGEST = 1024


@dataclass(frozen=True)
class Blocks:
    """Weights are kept or dropped in blocks of ``rows`` outputs x ``columns`` inputs.

    Of a convolution, blocks lie at one place of the kernel: ``columns`` neighbouring input
    channels, ``rows`` neighbouring filters. Single weights are blocks of 1 x 1. Where a layer's
    extents are no multiples, the last blocks are smaller.
    """

    rows: int = 1
    columns: int = 1

    def pool(self, values: torch.Tensor) -> torch.Tensor:
        """Sum over each block of ``values`` [O, I, ...]: [ceil(O / rows), ceil(I / columns), P].

        P is the number of places of the kernel, 1 of a linear layer.
        """
        outputs, inputs = values.shape[:2]
        # In 16 bits the sum over a block would round away which of two is larger.
        wide = values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
        flat = wide.reshape(outputs, inputs, prod(values.shape[2:]))
        short = (0, 0, 0, -inputs % self.columns, 0, -outputs % self.rows)
        padded = torch.nn.functional.pad(flat, short)
        down, across = padded.shape[0] // self.rows, padded.shape[1] // self.columns
        return padded.reshape(down, self.rows, across, self.columns, -1).sum((1, 3))

    def spread(self, kept: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
        """``pool`` undone for a decision per block: bool of ``shape`` [O, I, ...]."""
        wide = kept.repeat_interleave(self.rows, 0)[: shape[0]]
        return wide.repeat_interleave(self.columns, 1)[:, : shape[1]].reshape(tuple(shape))


@dataclass(frozen=True)
class NofM:
    """At most ``most`` of every ``group`` neighbouring inputs of an output are kept.

    Of a convolution, input channels at one place of the kernel are neighbours. What is left over
    where the inputs are no multiple of ``group`` is a smaller group.
    """

    most: int
    group: int

    def eligible(self, scores: torch.Tensor) -> torch.Tensor:
        """Where the ``most`` largest scores of every group are, bool like ``scores`` [O, I, ...].

        The first of equals counts as larger.
        """
        moved = scores.movedim(1, -1)
        inputs = moved.shape[-1]
        # A place that does not exist is below every score.
        padded = torch.nn.functional.pad(moved, (0, -inputs % self.group), value=-torch.inf)
        groups = padded.reshape(*padded.shape[:-1], -1, self.group)
        order = groups.argsort(dim=-1, descending=True, stable=True)
        chosen = torch.zeros_like(groups, dtype=torch.bool)
        chosen.scatter_(-1, order[..., : self.most], True)
        return chosen.flatten(-2)[..., :inputs].movedim(-1, 1)


Pattern = Blocks | NofM
SINGLE = Blocks()


def parse(text: str) -> Pattern:
    """Read "4x1", blocks of 4 outputs x 1 input, or "2:4", two of every four inputs.

    "1x1" is single weights. "64x16" is what the GPU kernels call grouped vectors of V = 64 rows
    and KC = 16 inputs.

    Raises:
        InputError: it is neither, or a number is out of range.
    """
    known = text if isinstance(text, str) else ""
    if found := re.fullmatch(r"(\d{1,4})x(\d{1,4})", known):
        rows, columns = map(int, found.groups())
        if min(rows, columns) >= 1 and max(rows, columns) <= _LARGEST:
            return Blocks(rows, columns)
    if found := re.fullmatch(r"(\d{1,4}):(\d{1,4})", known):
        most, group = map(int, found.groups())
        if 1 <= most < group <= _LARGEST:
            return NofM(most, group)
    raise InputError(
        f"pattern: expected outputs x inputs such as '4x1', or N:M such as '2:4', got {text!r}; "
        f"numbers are 1 to {_LARGEST}"
    )
