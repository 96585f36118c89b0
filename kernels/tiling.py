"""How a product is cut into programs: as measured on this GPU, else by arithmetic.

Neither is decided while a network runs, so every run takes the same.
"""

from typing import NamedTuple

import torch
import triton

from .grouped_weight import STEP_BYTES, GroupedWeight
from .winners import Shape, nearest

# Shared memory of one block on the smallest GPUs served (compute capability 8.6, 8.9, 12.0: 99 KiB;
# 8.0 and 9.0 have more), less 3 KiB that the compiler may want beside the tiles.
SHARED_BYTES = 96 * 1024
# What fewer steps a program would save is spent on its start and on adding the parts up.
STEPS_PER_SPLIT = 8
MOST_SPLITS = 16
# Multiprocessors of an H100: what the interpreter plans for.
MULTIPROCESSORS = 132


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


def tiling(m: int, weight: GroupedWeight, *, tensor_cores: bool) -> Tiling:
    """For a product of ``m`` rows with ``weight``."""
    rows = weight.rows
    # 128 rows are 32 for each of four warps. Ordinary cores multiply from registers: there, 128
    # rows take 254 of the 255 a thread can have, half of them leaves room.
    most = 128 if tensor_cores else 64
    block_m = min(most, max(16, triton.next_power_of_2(m)))
    # At most 64 registers of a thread hold sums; the others are for addresses and operands.
    warps = max(4, block_m * rows // (64 * 32))
    # Up to four steps in flight: three are copied while one is multiplied.
    stages = min(4, SHARED_BYTES // ((block_m + rows) * STEP_BYTES))
    programs = triton.cdiv(m, block_m) * len(weight.order)
    return Tiling(block_m, warps, stages, splits(programs, weight))


def splits(programs: int, weight: GroupedWeight) -> int:
    """Parts of each tile's steps, so that ``programs`` tiles occupy all multiprocessors.

    One where they do anyway: the parts cost a pass over memory.
    """
    wanted = multiprocessors(weight.values.device) // max(1, programs)
    return max(1, min(wanted, weight.longest // STEPS_PER_SPLIT, MOST_SPLITS))


def multiprocessors(device: torch.device) -> int:
    """Of the GPU, or of the one that is planned for where there is none."""
    if device.type != "cuda":
        return MULTIPROCESSORS
    return torch.cuda.get_device_properties(device).multi_processor_count
