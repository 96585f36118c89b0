"""Convolution weights as grouped-vector matrices: [N, C, R, S] -> [N, R S C'], tap by tap.

C' is C filled up to whole pieces, so a piece is KC neighbouring channels of one tap: neighbours in
memory where activations are NHWC.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .grouped_weight import GroupedWeight, pack

# Bits of a place: 5 for the tap's row, 6 for its column, 20 for the piece.
MOST_TAPS = (32, 64)
MOST_PIECES = 2**20


@dataclass(frozen=True)
class GroupedConvWeight:
    """A packed weight [N, C, R, S].

    Attributes:
        matrix: packed [N, R S C'].
        places: int32 like ``matrix.pieces``, which tap's which channels a slot reads:
            row << 26 | column << 20 | first channel / KC.
        channels: C.
        kernel: (R, S).
    """

    matrix: GroupedWeight
    places: Tensor
    channels: int
    kernel: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, R, S)."""
        return (self.matrix.shape[0], self.channels, *self.kernel)

    def to(self, device: torch.device | str) -> "GroupedConvWeight":
        """The same weight with its tensors on ``device``."""
        return replace(self, matrix=self.matrix.to(device), places=self.places.to(device))

    def to_dense(self) -> Tensor:
        """The weight [N, C, R, S]; ``pack_conv`` undone."""
        taps = self.matrix.to_dense().unflatten(1, (*self.kernel, -1))
        return taps[..., : self.channels].permute(0, 3, 1, 2)


def pack_conv(
    weight: Tensor,
    mask: Tensor | None = None,
    *,
    rows: int = 64,
    width: int = 16,
    permutation: Tensor | None = None,
) -> GroupedConvWeight:
    """Pack a pruned convolution; blocks are V filters x KC input channels of one tap.

    Args:
        weight: [N, C, R, S] float16, bfloat16 or float32, zero where pruned, of a convolution
            without groups.
        mask: [N, C, R, S] bool, true where kept; without it, the nonzero weights are the kept ones.
        rows: see ``pack``.
        width: see ``pack``. Where C is a multiple of it, x need not be filled up.
        permutation: see ``pack``.

    Raises:
        ValueError: as ``pack``, whose messages count inputs by tap, then channel.
    """
    if weight.ndim != 4 or weight.numel() == 0:
        raise ValueError(
            "expected a weight of shape [filters, channels, height, width] without zeros, "
            f"got {tuple(weight.shape)}"
        )
    _, channels, *kernel = weight.shape
    height, columns = kernel
    pieces = -(-channels // width)
    if height > MOST_TAPS[0] or columns > MOST_TAPS[1] or pieces > MOST_PIECES:
        raise ValueError(
            f"expected at most {MOST_TAPS[0]} x {MOST_TAPS[1]} taps of {MOST_PIECES} pieces, got "
            f"{height} x {columns} of {pieces}; use the dense convolution"
        )
    matrix = pack(
        to_matrix(weight, width),
        to_matrix(weight != 0 if mask is None else mask, width),
        rows=rows,
        width=width,
        permutation=permutation,
    )
    tap = matrix.pieces // pieces
    places = (tap // columns << 26) | (tap % columns << 20) | (matrix.pieces % pieces)
    return GroupedConvWeight(matrix, places, channels, (height, columns))


def to_matrix(weight: Tensor, width: int) -> Tensor:
    """[N, C, R, S] -> [N, R S C'] of a weight, or of a mask for ``cover`` and ``row_order``.

    A weight is filled up with zeros, a mask with its last channel: that block is then whole.
    """
    taps = weight.detach().permute(0, 2, 3, 1)
    lacking = -weight.shape[1] % width
    last = taps[..., -1:] if taps.dtype == torch.bool else taps.new_zeros(1)
    return torch.cat([taps, last.expand(*taps.shape[:3], lacking)], 3).flatten(1)
