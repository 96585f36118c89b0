"""Zeros in the patterns that our kernels take, and the tilings that are tried for them."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import triton
from torch import Tensor

from gpu.place import Place
from sparseprune.kernels.grouped_weight import STEP_BYTES, GroupedWeight
from sparseprune.kernels.tiling import (
    MOST_SPLITS,
    STEPS_PER_SPLIT,
    Tiling,
    multiprocessors,
    tiling,
)


class Pattern(NamedTuple):
    """Blocks of ``rows`` outputs x ``width`` inputs, kept or dropped whole."""

    rows: int
    width: int

    @property
    def name(self) -> str:
        return f"grouped {self.rows}x{self.width}"


def balanced(weight: Tensor, pattern: Pattern, percent: int) -> Tensor:
    """The mask [N, K] of the largest blocks, equally many in each group of rows.

    N and K are multiples of the block.
    """
    n, k = weight.shape
    blocks = weight.float().view(n // pattern.rows, pattern.rows, k // pattern.width, pattern.width)
    size = blocks.square().sum((1, 3))
    count = max(1, round(size.shape[1] * (1 - percent / 100)))
    kept = torch.zeros_like(size, dtype=torch.bool).scatter_(1, size.topk(count).indices, True)
    return kept.repeat_interleave(pattern.rows, 0).repeat_interleave(pattern.width, 1)


def segments(weight: Tensor, segment: int, count: int) -> Tensor:
    """The mask [N, K] of the ``count`` largest weights of each ``segment`` inputs of a row."""
    parts = weight.float().abs().view(weight.shape[0], -1, segment)
    kept = torch.zeros_like(parts, dtype=torch.bool)
    return kept.scatter_(2, parts.topk(count, 2).indices, True).view_as(weight)


def tilings(m: int, weight: GroupedWeight, place: Place) -> Iterator[Tiling]:
    """The one that arithmetic chooses, then its neighbours; none twice, none too large."""
    first = tiling(m, weight, tensor_cores=True)
    if place.dry:
        yield first
        yield first._replace(splits=2)
        return
    seen = set()
    for one in (first, *_neighbours(m, weight, first)):
        needed = one.stages * (one.block_m + weight.rows) * STEP_BYTES
        if one not in seen and needed <= place.shared:
            yield one
        seen.add(one)


def _neighbours(m: int, weight: GroupedWeight, first: Tiling) -> Iterator[Tiling]:
    """Taller tiles read the weight less often, shorter ones are more programs."""
    for block_m in sorted({first.block_m, 64, 128, 256}):
        if block_m == first.block_m or block_m < 2 * m:
            # Sums in 64 registers of a thread, or in 128, which is how vendors' kernels have them.
            most = max(4, block_m * weight.rows // (64 * 32))
            for warps in sorted({min(8, most), most}):
                yield from (Tiling(block_m, warps, stages, first.splits) for stages in (3, 4))
    programs = triton.cdiv(m, first.block_m) * len(weight.order)
    if programs >= 2 * multiprocessors(weight.values.device):
        return  # they are all busy: parts would only have to be added up
    for splits in (1, 2, 4, 8, 16):
        if splits <= min(MOST_SPLITS, 2 * weight.longest // STEPS_PER_SPLIT):
            yield first._replace(splits=splits)
