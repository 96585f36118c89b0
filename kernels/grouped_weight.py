"""Grouped-vector weights: V output rows keep the same pieces of KC neighbouring inputs.

A weight [N, K] is cut into blocks of V rows x KC inputs. Rows g V to (g + 1) V - 1 form group g; a
block is kept whole or dropped whole, so one index list a group says which pieces of the input its
rows read. Kept blocks lie side by side in steps of 128 bytes a row: the amount a kernel multiplies
at a time. Rows may be permuted first, so that similar ones share a group (Huang et al. 2022,
"Shfl-BW"). A weight with every block kept is a dense layer, which the same kernels run.

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
DTYPES = (torch.float16, torch.bfloat16, torch.float32)
TYPE_NAMES = "float16, bfloat16 or float32"


@dataclass(frozen=True)
class GroupedWeight:
    """A packed weight [N, K]: G groups, NCH = step / KC pieces a step, S steps in all.

    Attributes:
        values: [S, V, step] float16, bfloat16 or float32; zero where a step is longer than its
            group's list or the block reaches beyond the weight.
        pieces: [(S + 1) NCH] int32, the piece of the input that each slot reads, in inputs / KC. A
            group's unused slots repeat its last piece. The last NCH belong to no step: the kernel
            reads indices one step ahead.
        first: [G + 1] int32, the first step of each group, then S.
        order: [G] int32, groups with most steps first, so that the longest do not start last.
        permutation: [N] int32, the output of each packed row; None where they are in order.
        shape: (N, K).
        width: KC.
        kept: kept blocks, without the unused slots.
        longest: steps of the longest group.
    """

    values: Tensor
    pieces: Tensor
    first: Tensor
    order: Tensor
    permutation: Tensor | None
    shape: tuple[int, int]
    width: int
    kept: int
    longest: int

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
        """The same weight with its tensors on ``device``."""
        tensors = {name: value for name, value in vars(self).items() if torch.is_tensor(value)}
        return replace(self, **{name: value.to(device) for name, value in tensors.items()})

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
        weight = weight.reshape(groups * rows, -1)[: self.shape[0], : self.shape[1]]
        return weight if self.permutation is None else weight[self.permutation.argsort()]


def pack(
    weight: Tensor,
    mask: Tensor | None = None,
    *,
    rows: int = 64,
    width: int = 16,
    permutation: Tensor | None = None,
) -> GroupedWeight:
    """Pack a pruned weight; the kept blocks are stored as they are, zeros included.

    Args:
        weight: [N, K] float16, bfloat16 or float32, zero where pruned. N and K need not be
            multiples of ``rows`` and ``width``; the last blocks are then smaller.
        mask: [N, K] bool, true where kept; without it, the nonzero weights are the kept ones.
        rows: V, output rows that share one index list: 16, 32, 64 or 128.
        width: KC, inputs a piece: 16 to 128 bytes of them, in powers of two, or one input, which
            only feature-major inputs can be read in.
        permutation: [N], the row of ``weight`` that each packed row is; groups are cut after it.

    Raises:
        ValueError: the pattern or dtype is not supported, or the mask keeps parts of blocks; the
            message names a size or an order of rows that fits, or what storing those blocks whole
            would cost.
    """
    weight = weight.detach()
    _check_weight(weight)
    _check_sizes(weight.dtype, rows, width)
    mask = checked_mask(weight, mask)
    if permutation is not None:
        _check_permutation(permutation, weight.shape[0])
        weight, mask = weight[permutation], mask[permutation]
    if bool((cover(mask, rows, width) & ~mask).any()):
        raise ValueError(misfit(mask, weight.element_size(), rows, width))
    kept = _blocks(mask, rows, width).flatten(2).any(2)
    blocks = _blocks(weight, rows, width)
    slots = STEP_BYTES // weight.element_size() // width
    packed = list(_pack_groups(blocks, kept, slots))
    pieces = torch.cat([pieces for pieces, _ in packed] + [kept.new_zeros(slots, dtype=torch.long)])
    values = torch.cat([values for _, values in packed])
    lengths = torch.tensor([len(pieces) // slots for pieces, _ in packed])
    tiles = values.view(-1, slots, rows, width).transpose(1, 2)
    return GroupedWeight(
        values=tiles.reshape(-1, rows, slots * width).contiguous(),
        pieces=pieces.int(),
        first=F.pad(lengths.cumsum(0), (1, 0)).to(weight.device, torch.int32),
        order=lengths.argsort(descending=True, stable=True).to(weight.device, torch.int32),
        permutation=None if permutation is None else permutation.to(weight.device, torch.int32),
        shape=(weight.shape[0], weight.shape[1]),
        width=width,
        kept=int(kept.sum()),
        longest=int(lengths.max()),
    )


def cover(mask: Tensor, rows: int, width: int) -> Tensor:
    """The smallest mask of whole blocks that keeps all that ``mask`` [N, K] keeps."""
    touched = _blocks(mask, rows, width).flatten(2).any(2)
    whole = touched.repeat_interleave(rows, 0).repeat_interleave(width, 1)
    return whole[: mask.shape[0], : mask.shape[1]]


def row_order(mask: Tensor, width: int) -> Tensor:
    """A permutation [N] for ``pack`` that puts rows with the same kept pieces side by side.

    Rows that keep much come first; equal ones stay in order.
    """
    kept = _blocks(mask, 1, width).flatten(2).any(2)
    patterns, pattern = kept.unique(dim=0, return_inverse=True)
    rank = patterns.sum(1).argsort(descending=True, stable=True).argsort()
    return rank[pattern].argsort(stable=True)


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


def checked_mask(weight: Tensor, mask: Tensor | None) -> Tensor:
    """[N, K] bool, which drops no weight that is not zero."""
    if mask is None:
        return weight != 0
    if mask.shape != weight.shape or mask.dtype != torch.bool:
        raise ValueError(
            f"expected a bool mask of shape {tuple(weight.shape)} like the weight, "
            f"got {mask.dtype} {tuple(mask.shape)}"
        )
    if outside := int((weight != 0).logical_and(~mask).sum()):
        raise ValueError(
            f"expected zeros where the mask drops weights, got {outside} nonzero ones; "
            "multiply the weight by the mask first"
        )
    return mask


def misfit(mask: Tensor, itemsize: int, rows: int, width: int) -> str:
    """Why ``mask`` [N, K] does not fit, and what would."""
    whole = cover(mask, rows, width)
    partial = _blocks(whole & ~mask, rows, width).flatten(2).any(2)
    group, piece = partial.nonzero()[0].tolist()
    return (
        f"expected blocks of {rows} rows x {width} inputs kept or dropped whole, got "
        f"{int(partial.sum())} of {partial.numel()} kept in part, the first in rows from "
        f"{group * rows}, inputs from {piece * width}; {_remedy(mask, itemsize, rows, width)}"
    )


def _remedy(mask: Tensor, itemsize: int, rows: int, width: int) -> str:
    """The largest blocks that fit, else an order of rows that does, else the price of neither."""
    widths = [1] if width == 1 else [size // itemsize for size in PIECE_BYTES]
    fitting = [(r, w) for r in ROWS for w in widths if bool((cover(mask, r, w) == mask).all())]
    if fitting:
        best = max(fitting, key=lambda size: (size[0] * size[1], size))
        return f"pack with rows={best[0]}, width={best[1]}, which fits"
    ordered = mask[row_order(mask, width)]
    if bool((cover(ordered, rows, width) == ordered).all()):
        return f"pack with permutation=row_order(mask, {width}), which fits"
    before, after = mask.float().mean().item(), cover(mask, rows, width).float().mean().item()
    return (
        f"no supported size fits; pass mask=cover(mask, {rows}, {width}), where mask is weight != "
        f"0 if none is given, to store these blocks whole, which keeps {after:.1%} of the weight "
        f"instead of {before:.1%}"
    )


def _check_weight(weight: Tensor) -> None:
    if weight.ndim != 2 or weight.numel() == 0:
        raise ValueError(
            f"expected a weight of shape [outputs, inputs] with neither zero, "
            f"got {tuple(weight.shape)}"
        )
    if weight.dtype not in DTYPES:
        raise ValueError(f"expected a {TYPE_NAMES} weight, got {weight.dtype}; convert it first")


def _check_sizes(dtype: torch.dtype, rows: int, width: int) -> None:
    if rows not in ROWS:
        raise ValueError(f"expected rows to be one of {ROWS}, got {rows}")
    widths = (1, *(size // dtype.itemsize for size in PIECE_BYTES))
    if width not in widths:
        raise ValueError(f"expected width to be one of {widths} for {dtype}, got {width}")


def _check_permutation(permutation: Tensor, n: int) -> None:
    if permutation.shape != (n,) or not torch.equal(
        permutation.sort().values.long(), torch.arange(n, device=permutation.device)
    ):
        raise ValueError(
            f"expected a permutation of the {n} rows, got {permutation.dtype} "
            f"{tuple(permutation.shape)} with {permutation.unique().numel()} different values"
        )
