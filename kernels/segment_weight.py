"""Balanced-segment weights: every row keeps the same number of weights in each segment of inputs.

N:M sparsity with long segments, "16 of 64" for instance: it looks unstructured, and yet each row
takes the same time. A weight is stored as its value and one byte, its place in the segment.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from .grouped_weight import DTYPES, TYPE_NAMES, checked_mask

# Places are stored in a byte.
LONGEST_SEGMENT = 256
# Rows begin at multiples of 16 elements: what a thread reads at once.
ALIGNMENT = 16


@dataclass(frozen=True)
class SegmentWeight:
    """A packed weight [N, K] of L stored weights a row, segment after segment.

    Attributes:
        values: [N, L] float16, bfloat16 or float32; zero where a segment keeps fewer than ``count``
            and beyond the last segment.
        indices: [N, L] uint8, the input of each within its segment. Where a segment keeps fewer,
            its last is repeated, so a NaN elsewhere in the input is not read; a segment that keeps
            none reads its first input.
        shape: (N, K).
        segment: inputs a segment; the last one may be shorter.
        count: weights stored of each segment.
    """

    values: Tensor
    indices: Tensor
    shape: tuple[int, int]
    segment: int
    count: int

    @property
    def stored(self) -> int:
        """Weights of a row, without those beyond the last segment."""
        return -(-self.shape[1] // self.segment) * self.count

    def to(self, device: torch.device | str) -> "SegmentWeight":
        """The same weight with its tensors on ``device``."""
        return replace(self, values=self.values.to(device), indices=self.indices.to(device))

    def to_dense(self) -> Tensor:
        """The weight [N, K]; ``pack_segments`` undone."""
        n, k = self.shape
        segments = self.stored // self.count
        starts = torch.arange(segments, device=self.values.device) * self.segment
        places = self.indices[:, : self.stored].long() + starts.repeat_interleave(self.count)
        dense = self.values.new_zeros(n, segments * self.segment)
        return dense.scatter_add_(1, places, self.values[:, : self.stored])[:, :k]


def pack_segments(
    weight: Tensor, mask: Tensor | None = None, *, segment: int = 256, count: int | None = None
) -> SegmentWeight:
    """Pack a pruned weight; the kept weights are stored as they are, zeros included.

    Args:
        weight: [N, K] float16, bfloat16 or float32, zero where pruned.
        mask: [N, K] bool, true where kept; without it, the nonzero weights are the kept ones.
        segment: inputs a segment, a power of two up to 256.
        count: weights to store of each segment. Without it all must keep equally many, but for a
            shorter last one; with it they may keep fewer.

    Raises:
        ValueError: the dtype or the sizes are not supported, or segments keep unequally many; the
            message names the count that fits and what it costs.
    """
    weight = weight.detach()
    if weight.ndim != 2 or weight.numel() == 0 or weight.dtype not in DTYPES:
        raise ValueError(
            f"expected a {TYPE_NAMES} weight of shape [outputs, inputs] with neither zero, got "
            f"{weight.dtype} {tuple(weight.shape)}"
        )
    if not 0 < segment <= LONGEST_SEGMENT or segment & (segment - 1):
        raise ValueError(
            f"expected segments of a power of two of inputs up to {LONGEST_SEGMENT}, got {segment}"
        )
    n, k = weight.shape
    lacking = -k % segment
    mask = F.pad(checked_mask(weight, mask), (0, lacking)).view(n, -1, segment)
    kept = mask.sum(2)  # [N, segments]
    count = _count(kept, k, segment, count)
    # Kept inputs first, each kind in order.
    order = (~mask).byte().argsort(dim=2, stable=True)[:, :, :count]
    slots = torch.arange(count, device=weight.device)
    last = (kept - 1).clamp(min=0)[:, :, None]
    indices = order.gather(2, torch.minimum(slots, last))
    values = F.pad(weight, (0, lacking)).view(n, -1, segment).gather(2, indices)
    values = values.masked_fill(slots >= kept[:, :, None], 0)
    row = (0, -indices[0].numel() % ALIGNMENT)
    return SegmentWeight(
        values=F.pad(values.flatten(1), row),
        indices=F.pad(indices.flatten(1), row).to(torch.uint8),
        shape=(n, k),
        segment=segment,
        count=count,
    )


def _count(kept: Tensor, k: int, segment: int, count: int | None) -> int:
    """The weights to store of a segment; refuses what needs more, or wastes some unasked."""
    most = max(1, int(kept.max()))
    if count is not None:
        if not most <= count <= segment:
            raise ValueError(
                f"expected a count from {most}, as some segment keeps, to {segment}, got {count}"
            )
        return count
    # A last segment that is shorter cannot be held against the others.
    whole = kept[:, : k // segment] if k >= segment else kept
    if int(whole.min()) != most and int(whole.max()) > 0:
        stored, needed = kept.numel() * most, int(kept.sum())
        raise ValueError(
            f"expected equally many kept of each {segment} inputs, got {int(whole.min())} to "
            f"{most}; prune with one number for all, or pass count={most} to store "
            f"{stored / max(1, needed):.1f} times the weights that are kept"
        )
    return most
