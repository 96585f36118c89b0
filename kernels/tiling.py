"""How a product is cut into programs: as measured on this GPU, else by arithmetic.

Neither is decided while a network runs, so every run takes the same.
"""

from typing import NamedTuple

import torch
import triton

from .grouped_weight import STEP_BYTES, GroupedWeight
from .winners import Shape, nearest

# What fewer steps a program would save is spent on its start and on adding the parts up.
STEPS_PER_SPLIT = 8
MOST_SPLITS = 16
# Three steps are copied while one is multiplied.
MOST_STAGES = 4
STEPS_OF_TALL = 8
# A block has some of its shared memory to itself, and the compiler wants some beside the tiles.
RESERVED_BYTES = 1024
# From so many tiles for each multiprocessor on, none need be shorter: an idle third costs less than
# what shorter tiles read more often.
OCCUPIED = 2 / 3


class Gpu(NamedTuple):
    """What tiles are cut for: bytes of shared memory of a block and of a multiprocessor."""

    multiprocessors: int
    shared: int
    all_shared: int
    capability: int


# What the interpreter plans for.
H100 = Gpu(132, 227 * 1024, 228 * 1024, 9)


class Tiling(NamedTuple):
    """Compile-time choices of one launch.

    ``splits`` programs share the steps of a tile; their sums are added in a fixed order, so the
    result does not depend on which ends first.
    """

    block_m: int
    warps: int
    stages: int
    splits: int


def chosen(m: int, weight: GroupedWeight, *, tensor_cores: bool) -> Tiling:
    """The tiling measured for such a product on the GPU of ``weight``, else ``tiling``."""
    device = weight.values.device
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found = nearest(properties.name, shape(m, weight, tensor_cores=tensor_cores))
        if found is not None:
            return Tiling(*found)
    return tiling(m, weight, tensor_cores=tensor_cores)


def shape(m: int, weight: GroupedWeight, *, tensor_cores: bool) -> Shape:
    """What a product's tiling is looked up by; float32 on tensor cores is tf32."""
    name = str(weight.values.dtype).removeprefix("torch.")
    name = "tf32" if name == "float32" and tensor_cores else name
    return Shape(name, weight.rows, weight.width, m, len(weight.order), weight.longest)


def tiling(m: int, weight: GroupedWeight, *, tensor_cores: bool, gpu: Gpu | None = None) -> Tiling:
    """For a product of ``m`` rows with ``weight``, on the GPU it lies on if none is given.

    The tallest tiles that occupy the GPU: what bounds these products is what its multiprocessors
    read from the L2 cache, a byte for 1 / (1 / rows + 1 / block_m) operations of 16-bit numbers.
    """
    gpu = gpu or of(weight.values.device)
    heights = [height for height in _heights(weight.longest, tensor_cores, gpu) if height < 2 * m]
    groups, enough = len(weight.order), OCCUPIED * gpu.multiprocessors
    busy = [height for height in heights if triton.cdiv(m, height) * groups >= enough]
    few = max(16, triton.next_power_of_2(m))
    return tile(max(busy, default=min([*heights, few])), m, weight, gpu)


def _heights(longest: int, tensor_cores: bool, gpu: Gpu) -> tuple[int, ...]:
    """Rows of x that a tile may have, where there are enough."""
    if not tensor_cores:
        # Ordinary cores multiply from registers: 128 rows take 254 of the 255 a thread can have.
        return (64,)
    # Before Hopper, factors lie in registers too. The tallest tiles leave no room for another block
    # to hide how long a tile takes to begin and to end: they need many steps for that.
    tall = gpu.capability >= 9 and longest >= STEPS_OF_TALL
    return (64, 128, 256) if tall else (64, 128)


def tile(block_m: int, m: int, weight: GroupedWeight, gpu: Gpu) -> Tiling:
    """Of ``block_m`` rows: as many warps and stages as there is room for."""
    # Sums in at most 64 registers of a thread, so that two blocks fit a multiprocessor; the others
    # are for addresses and operands. Only the largest tile has 128, like those of cuBLAS.
    warps = min(8, max(4, block_m * weight.rows // (64 * 32)))
    tiles = triton.cdiv(m, block_m) * len(weight.order)
    # A stage more than there are steps is never filled.
    most = min(MOST_STAGES, max(2, weight.longest))
    pair = min(most, fitting(block_m + weight.rows, gpu.all_shared // 2))
    # One block copies while the other's sums are stored, if each keeps steps in flight.
    paired = tiles > gpu.multiprocessors and pair >= min(most, 3)
    stages = pair if paired else min(most, fitting(block_m + weight.rows, gpu.shared))
    return Tiling(block_m, warps, stages, splits(tiles, weight, gpu))


def fitting(rows: int, size: int) -> int:
    """Stages of ``rows`` of both factors that fit ``size`` bytes of shared memory."""
    return (size - RESERVED_BYTES) // (rows * STEP_BYTES)


def splits(programs: int, weight: GroupedWeight, gpu: Gpu) -> int:
    """Parts of each tile's steps, so that ``programs`` tiles occupy all multiprocessors.

    One where they do anyway: the parts cost a pass over memory.
    """
    wanted = gpu.multiprocessors // max(1, programs)
    return max(1, min(wanted, weight.longest // STEPS_PER_SPLIT, MOST_SPLITS))


def of(device: torch.device) -> Gpu:
    """The GPU, or the one that is planned for where there is none."""
    if device.type != "cuda":
        return H100
    properties = torch.cuda.get_device_properties(device)
    return Gpu(
        properties.multi_processor_count,
        properties.shared_memory_per_block_optin,
        properties.shared_memory_per_multiprocessor,
        properties.major,
    )
