"""Grouped-vector weights: V output rows keep the same pieces of KC neighbouring inputs.

A weight [N, K] is cut into blocks of V rows x KC inputs. Rows g V to (g + 1) V - 1 form group g; a
block is kept whole or dropped whole, so one index list a group says which pieces of the input its
rows read. Kept blocks lie side by side in steps of 128 bytes a row: the amount a kernel multiplies
at a time.

V is the field's name for the rows of a column vector (Chen et al. 2021, "Efficient tensor
core-based GPU kernels for structured sparsity under reduced precision"); here it is called ``rows``
and KC ``width``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

# From the narrowest tile that a tensor core multiplies to the widest that leaves registers for a
# second operand.
ROWS = (16, 32, 64, 128)
# A row of one step: a cache line, and one row of swizzled shared memory.
STEP_BYTES = 128
# A piece is at least 16 bytes, the largest asynchronous copy, so that each is one instruction.
PIECE_BYTES = (16, 32, 64, STEP_BYTES)
DTYPES = (torch.float16, torch.float32)


@dataclass(frozen=True)
class GroupedWeight:
    """A packed weight [N, K]: G groups, NCH = step / KC pieces a step, S steps in all.

    Attributes:
        values: [S, V, step] float16 or float32; zero where a step is longer than its group's list
            or the block reaches beyond the weight.
        pieces: [(S + 1) NCH] int32, the piece of the input that each slot reads, in inputs / KC. A
            group's unused slots repeat its last piece. The last NCH belong to no step: the kernel
            reads indices one step ahead.
        first: [G + 1] int32, the first step of each group, then S.
        order: [G] int32, groups with most steps first, so that the longest do not start last.
        shape: (N, K).
        width: KC.
        kept: kept blocks, without the unused slots.
    """

    values: Tensor
    pieces: Tensor
    first: Tensor
    order: Tensor
    shape: tuple[int, int]
    width: int
    kept: int

    @property
    def rows(self) -> int:
        """V, the output rows that share one index list."""
        return self.values.shape[1]

    @property
    def density(self) -> float:
        """Kept blocks / all blocks."""
        groups, pieces = _grid(self.shape, self.rows, self.width)
        return self.kept / (groups * pieces)

    def to(self, device: torch.device | str) -> "GroupedWeight":
        """The same weight with its four tensors on ``device``."""
        names = ("values", "pieces", "first", "order")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})

    def to_dense(self) -> Tensor:
        """The weight [N, K] with zeros where blocks were dropped; ``pack`` undone."""
        steps, rows, step = self.values.shape
        slots = step // self.width
        groups, pieces = _grid(self.shape, rows, self.width)
        owner = torch.repeat_interleave(self.first.diff().long() * slots)
        place = owner * pieces + self.pieces[: steps * slots]
        blocks = self.values.view(steps, rows, slots, self.width).transpose(1, 2).flatten(0, 1)
        dense = blocks.new_zeros(groups * pieces, rows, self.width).index_add_(0, place, blocks)
        weight = dense.view(groups, pieces, rows, self.width).transpose(1, 2)
        return weight.reshape(groups * rows, -1)[: self.shape[0], : self.shape[1]]


def pack(
    weight: Tensor, mask: Tensor | None = None, *, rows: int = 64, width: int = 16
) -> GroupedWeight:
    """Pack a pruned weight; the kept blocks are stored as they are, zeros included.

    Args:
        weight: [N, K] float16 or float32, zero where pruned. N and K need not be multiples of
            ``rows`` and ``width``; the last blocks are then smaller.
        mask: [N, K] bool, true where kept; without it, the nonzero weights are the kept ones.
        rows: V, output rows that share one index list: 16, 32, 64 or 128.
        width: KC, inputs a piece: 16 to 128 bytes of them, in powers of two.

    Raises:
        ValueError: the pattern or dtype is not supported, or the mask keeps parts of blocks; the
            message names a size that fits or what storing those blocks whole would cost.
    """
    weight = weight.detach()
    _check_weight(weight)
    _check_sizes(weight.dtype, rows, width)
    kept = _kept_blocks(weight, mask, rows, width)
    blocks = _blocks(weight, rows, width)
    slots = STEP_BYTES // weight.element_size() // width
    packed = list(_pack_groups(blocks, kept, slots))
    pieces = torch.cat([pieces for pieces, _ in packed] + [kept.new_zeros(slots, dtype=torch.long)])
    values = torch.cat([values for _, values in packed])
    lengths = torch.tensor([len(pieces) // slots for pieces, _ in packed])
    return GroupedWeight(
        values=values.view(-1, slots, rows, width).transpose(1, 2).reshape(-1, rows, slots * width),
        pieces=pieces.int(),
        first=F.pad(lengths.cumsum(0), (1, 0)).to(weight.device, torch.int32),
        order=lengths.argsort(descending=True, stable=True).to(weight.device, torch.int32),
        shape=(weight.shape[0], weight.shape[1]),
        width=width,
        kept=int(kept.sum()),
    )


def cover(mask: Tensor, rows: int, width: int) -> Tensor:
    """The smallest mask of whole blocks that keeps all that ``mask`` [N, K] keeps."""
    touched = _blocks(mask, rows, width).flatten(2).any(2)
    whole = touched.repeat_interleave(rows, 0).repeat_interleave(width, 1)
    return whole[: mask.shape[0], : mask.shape[1]]


def _grid(shape: tuple[int, ...], rows: int, width: int) -> tuple[int, int]:
    """Groups and pieces that [N, K] is cut into, the smaller last ones included."""
    return -(-shape[0] // rows), -(-shape[1] // width)


def _blocks(matrix: Tensor, rows: int, width: int) -> Tensor:
    """[N, K] -> [groups, pieces, rows, width], filled up with zeros (False)."""
    groups, pieces = _grid(matrix.shape, rows, width)
    padded = matrix.new_zeros(groups * rows, pieces * width)
    padded[: matrix.shape[0], : matrix.shape[1]] = matrix
    return padded.view(groups, rows, pieces, width).transpose(1, 2)


def _pack_groups(blocks: Tensor, kept: Tensor, slots: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Each group's piece list [n slots] and its blocks [n slots, rows, width]."""
    for group, keeps in zip(blocks, kept, strict=True):
        pieces = keeps.nonzero().flatten()
        unused = -len(pieces) % slots
        # Repeating a piece the group reads anyway keeps a NaN elsewhere in the input out of it.
        filled = torch.cat([pieces, pieces[-1:].expand(unused)])
        yield filled, F.pad(group[pieces], (0, 0, 0, 0, 0, unused))


def _kept_blocks(weight: Tensor, mask: Tensor | None, rows: int, width: int) -> Tensor:
    """[groups, pieces] bool; refuses a mask that does not consist of whole blocks."""
    given = mask is not None
    if mask is None:
        mask = weight != 0
    elif mask.shape != weight.shape or mask.dtype != torch.bool:
        raise ValueError(
            f"expected a bool mask of shape {tuple(weight.shape)} like the weight, "
            f"got {mask.dtype} {tuple(mask.shape)}"
        )
    elif outside := int((weight != 0).logical_and(~mask).sum()):
        raise ValueError(
            f"expected zeros where the mask drops weights, got {outside} nonzero ones; "
            "multiply the weight by the mask first"
        )
    if bool((cover(mask, rows, width) & ~mask).any()):
        raise ValueError(_misfit(mask, weight.element_size(), rows, width, given))
    return _blocks(mask, rows, width).flatten(2).any(2)


def _misfit(mask: Tensor, itemsize: int, rows: int, width: int, given: bool) -> str:
    """Why ``mask`` does not fit, and what would."""
    whole = cover(mask, rows, width)
    partial = _blocks(whole & ~mask, rows, width).flatten(2).any(2)
    group, piece = partial.nonzero()[0].tolist()
    sizes = [(r, size // itemsize) for r in ROWS for size in PIECE_BYTES]
    fitting = [size for size in sizes if bool((cover(mask, *size) == mask).all())]
    if fitting:
        best = max(fitting, key=lambda size: (size[0] * size[1], size))
        remedy = f"pack with rows={best[0]}, width={best[1]}, which fits"
    else:
        before, after = mask.float().mean().item(), whole.float().mean().item()
        name = "mask" if given else "weight != 0"
        remedy = (
            f"no supported size fits; pass mask=cover({name}, {rows}, {width}) to store these "
            f"blocks whole, which keeps {after:.1%} of the weight instead of {before:.1%}"
        )
    return (
        f"expected blocks of {rows} rows x {width} inputs kept or dropped whole, got "
        f"{int(partial.sum())} of {partial.numel()} kept in part, the first in rows from "
        f"{group * rows}, inputs from {piece * width}; {remedy}"
    )


def _check_weight(weight: Tensor) -> None:
    if weight.ndim != 2 or weight.numel() == 0:
        raise ValueError(
            f"expected a weight of shape [outputs, inputs] with neither zero, "
            f"got {tuple(weight.shape)}"
        )
    if weight.dtype not in DTYPES:
        raise ValueError(
            f"expected a float16 or float32 weight, got {weight.dtype}; convert it first"
        )


def _check_sizes(dtype: torch.dtype, rows: int, width: int) -> None:
    if rows not in ROWS:
        raise ValueError(f"expected rows to be one of {ROWS}, got {rows}")
    widths = tuple(size // dtype.itemsize for size in PIECE_BYTES)
    if width not in widths:
        raise ValueError(f"expected width to be one of {widths} for {dtype}, got {width}")
