"""Which tile of a product each program computes, and which of its steps."""

import triton
import triton.language as tl
from torch import Tensor

from .grouped_weight import STEP_BYTES, GroupedWeight
from .tiling import Tiling

# Packed weights that stay in the L2 cache while all rows of x pass by: half of the 20 to 25 MB that
# the caches of an A100 and an H100 hold, each half of which has its own copy of what both halves of
# the GPU read.
CHUNK_BYTES = 12 * 2**20


@triton.jit
def own_tile(
    blocks, groups, chunk, steps, first_ptr, order_ptr, PARTIAL: tl.constexpr
):  # fmt: skip
    """Block of rows, group, first step and end of this program of (blocks groups, parts).

    Programs that run at the same time are neighbours: ``chunk`` groups of one block, then those of
    the next. The rows of x and the weights that they share then come from memory once, and from the
    L2 cache to all but the first; block after block of a single group would read all of x for each.
    Without ``first_ptr`` all groups have ``steps``: nothing need be waited for.
    """
    program = tl.program_id(0)
    begin = program // (blocks * chunk) * chunk
    width = tl.minimum(groups - begin, chunk)
    within = program - begin * blocks
    group = begin + within % width
    if first_ptr is None:
        start = group * steps
        end = start + steps
    else:
        group = tl.load(order_ptr + group)
        start = tl.load(first_ptr + group)
        end = tl.load(first_ptr + group + 1)
    if PARTIAL:
        steps = end - start
        end = start + steps * (tl.program_id(1) + 1) // tl.num_programs(1)
        start += steps * tl.program_id(1) // tl.num_programs(1)
    return within // width, group, start, end


def grid(m: int, weight: GroupedWeight, tiling: Tiling) -> tuple[int, int]:
    """Programs of a product of ``m`` rows: its tiles, and the parts of each."""
    return triton.cdiv(m, tiling.block_m) * len(weight.order), tiling.splits


def arguments(weight: GroupedWeight) -> dict[str, Tensor | int | None]:
    """Those of ``own_tile``."""
    groups, steps = len(weight.order), weight.longest
    chunks = max(1, triton.cdiv(weight.values.shape[0] * weight.rows * STEP_BYTES, CHUNK_BYTES))
    even = weight.values.shape[0] == groups * steps
    return {
        "groups": groups,
        "chunk": triton.cdiv(groups, chunks),
        "steps": steps,
        "first_ptr": None if even else weight.first,
        "order_ptr": None if even else weight.order,
    }
