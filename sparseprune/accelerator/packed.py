"""Layers by the kernels of ``sparseprune.kernels``: modules whose buffers are packed weights.

This module needs Triton.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sparseprune.accelerator.fits import Fit
from sparseprune.accelerator.layer import Layer, finish
from sparseprune.kernels.grouped_conv import grouped_conv
from sparseprune.kernels.grouped_conv_weight import GroupedConvWeight, pack_conv, to_matrix
from sparseprune.kernels.grouped_feature_major import grouped_feature_major
from sparseprune.kernels.grouped_linear import grouped_linear
from sparseprune.kernels.grouped_weight import GroupedWeight, cover, pack, row_order
from sparseprune.kernels.segment_gemv import MOST_TOKENS, segment_gemv
from sparseprune.kernels.segment_weight import SegmentWeight, pack_segments


class Grouped(nn.Module):
    """A layer of blocks of V outputs x KC inputs; a dense one keeps them all."""

    values: Tensor
    pieces: Tensor
    first: Tensor
    order: Tensor
    permutation: Tensor | None
    bias: Tensor | None

    def __init__(self, layer: Layer, fit: Fit, *, tf32: bool = False) -> None:
        """Pack the weights of ``layer``, blocks that are kept in part whole."""
        super().__init__()
        self._layer, self._tf32 = layer.described(), tf32
        matrix = self._pack(layer, fit)
        for name in ("values", "pieces", "first", "order", "permutation"):
            self.register_buffer(name, getattr(matrix, name))
        self.register_buffer("bias", layer.bias)
        self._numbers = {
            name: getattr(matrix, name) for name in ("shape", "width", "kept", "longest")
        }

    def _pack(self, layer: Layer, fit: Fit) -> GroupedWeight:
        return _matrix(layer.weight, layer.weight != 0, fit)

    def _weight(self) -> GroupedWeight:
        tensors = (self.values, self.pieces, self.first, self.order, self.permutation)
        return GroupedWeight(*tensors, **self._numbers)

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """activation(layer(x) + bias + residual)."""
        activation = self._layer.activation
        y: Tensor = grouped_linear(
            x, self._weight(), self.bias, residual, activation=activation, tf32=self._tf32
        )
        return y


class GroupedConv(Grouped):
    """A convolution of blocks of V filters x KC channels of one tap."""

    places: Tensor

    def _pack(self, layer: Layer, fit: Fit) -> GroupedWeight:
        mask = to_matrix(layer.weight != 0, fit.width)
        order = row_order(mask, fit.width) if fit.permuted else None
        packed = pack_conv(
            layer.weight,
            _unfolded(_kept(mask, fit), layer.weight),
            rows=fit.rows,
            width=fit.width,
            permutation=order,
        )
        self.register_buffer("places", packed.places)
        matrix: GroupedWeight = packed.matrix
        return matrix

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """activation(layer(x) + bias + residual), channels last."""
        layer = self._layer
        _, channels, height, width = layer.weight.shape
        weight = GroupedConvWeight(self._weight(), self.places, channels, (height, width))
        y: Tensor = grouped_conv(
            *(x, weight, self.bias, residual),
            stride=layer.stride,
            padding=layer.padding,
            dilation=layer.dilation,
            activation=layer.activation,
            tf32=self._tf32,
        )
        return y


class FeatureMajor(Grouped):
    """A linear layer of blocks of V outputs x 1 input, on inputs that it transposes first."""

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """activation(layer(x) + bias + residual)."""
        rows = x.reshape(-1, x.shape[-1])
        y = x.new_empty(*x.shape[:-1], self._layer.weight.shape[0])
        # A sum comes before the activation, which is then torch's.
        activation = self._layer.activation if residual is None else "identity"
        out = y.view(len(rows), y.shape[-1]).t()
        grouped_feature_major(
            rows.t(), self._weight(), self.bias, activation=activation, tf32=self._tf32, out=out
        )
        return y if residual is None else finish(y, residual, self._layer.activation)


class Segments(nn.Module):
    """A linear layer for one to four tokens, with equally many weights in each segment."""

    values: Tensor
    indices: Tensor
    bias: Tensor | None

    def __init__(self, layer: Layer, segment: int, count: int) -> None:
        """Pack the weights of ``layer``, ``count`` of each ``segment`` inputs."""
        super().__init__()
        self._layer, self._segment, self._count = layer.described(), segment, count
        packed = pack_segments(layer.weight, segment=segment, count=count)
        self.register_buffer("values", packed.values)
        self.register_buffer("indices", packed.indices)
        self.register_buffer("bias", layer.bias)

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """activation(layer(x) + bias + residual)."""
        n, k = self._layer.weight.shape
        weight = SegmentWeight(self.values, self.indices, (n, k), self._segment, self._count)
        activation = self._layer.activation
        if 1 <= x.shape[:-1].numel() <= MOST_TOKENS:
            y: Tensor = segment_gemv(x, weight, self.bias, residual, activation=activation)
            return y
        # More tokens than it was chosen for: right, if not fast.
        return finish(F.linear(x, weight.to_dense(), self.bias), residual, activation)


def _matrix(weight: Tensor, mask: Tensor, fit: Fit) -> GroupedWeight:
    order = row_order(mask, fit.width) if fit.permuted else None
    whole = _kept(mask, fit)
    packed: GroupedWeight = pack(weight, whole, rows=fit.rows, width=fit.width, permutation=order)
    return packed


def _kept(mask: Tensor, fit: Fit) -> Tensor:
    """The mask [N, K] of whole blocks, in the order of the layer's rows."""
    if fit.dense:
        return torch.ones_like(mask)
    if not fit.permuted:
        whole: Tensor = cover(mask, fit.rows, fit.width)
        return whole
    order = row_order(mask, fit.width)
    whole = torch.empty_like(mask)
    whole[order] = cover(mask[order], fit.rows, fit.width)
    return whole


def _unfolded(matrix: Tensor, weight: Tensor) -> Tensor:
    """A mask [N, R S C'] as [N, C, R, S]."""
    n, channels, height, width = weight.shape
    taps = matrix.view(n, height, width, -1)
    return taps[..., :channels].permute(0, 3, 1, 2)
