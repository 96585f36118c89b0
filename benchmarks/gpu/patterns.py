"""Zeros in the patterns that our kernels take, and the tilings that are tried for them."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from gpu.place import Place
from sparseprune.kernels import walk
from sparseprune.kernels.grouped_weight import STEP_BYTES, GroupedWeight
from sparseprune.kernels.tiling import H100, MOST_SPLITS, Gpu, Tiling, fitting, of, tile, tiling

# Of a part that is worth a try: it costs a pass over memory and a launch.
LEAST_STEPS = 4


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
    """The one that arithmetic chooses, then its neighbours; none twice, none too large.

    Few, as each is compiled, which takes a second or two.
    """
    gpu = H100 if place.dry else of(weight.values.device)
    first = tiling(m, weight, tensor_cores=True, gpu=gpu)
    if place.dry:
        yield first
        yield first._replace(splits=2)
        return
    seen = set()
    for one in (first, *_neighbours(m, weight, first, gpu)):
        needed = one.stages * (one.block_m + weight.rows) * STEP_BYTES
        if one not in seen and needed <= place.shared:
            yield one
        seen.add(one)


def _neighbours(m: int, weight: GroupedWeight, first: Tiling, gpu: Gpu) -> Iterator[Tiling]:
    """Shorter tiles are more programs, taller ones read less; other stages, warps and parts."""
    for block_m in (first.block_m // 2, first.block_m * 2):
        if 64 <= block_m <= 256 and block_m < 2 * m:
            yield tile(block_m, m, weight, gpu)
    yield from _with_other_stages(weight, first, gpu)
    if first.block_m >= 128 == weight.rows:  # more registers a thread, or less
        yield first._replace(warps=4 if first.block_m == 128 else 16)
    if first.splits > 1:
        yield first._replace(splits=1)
    tiles, _ = walk.grid(m, weight, first)
    splits = min(MOST_SPLITS, 2 * first.splits)
    if tiles * first.splits < gpu.multiprocessors and splits <= weight.longest // LEAST_STEPS:
        yield first._replace(splits=splits)


def _with_other_stages(weight: GroupedWeight, first: Tiling, gpu: Gpu) -> Iterator[Tiling]:
    """Fewer, which let another block in, or else one more, which hides longer waits."""
    rows, blocks = first.block_m + weight.rows, 1
    while fitting(rows, gpu.all_shared // (blocks + 1)) >= first.stages:
        blocks += 1
    fewer = fitting(rows, gpu.all_shared // (blocks + 1))
    if fewer >= 2 and first.block_m * weight.rows <= 64 * 32 * first.warps:
        yield first._replace(stages=fewer)
    else:
        yield first._replace(stages=first.stages + 1)
