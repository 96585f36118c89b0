"""Layers as torch computes them: dense, with cuDNN's and cuBLAS's fused ends, and 2:4."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sparseprune.accelerator.layer import Layer, finish


class Dense(nn.Module):
    """The layer by torch's own functions, in whatever library it chooses."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, layer: Layer) -> None:
        """Hold the weights of ``layer``."""
        super().__init__()
        self._layer = layer.described()
        weight = layer.weight
        if layer.is_conv:
            weight = weight.contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", layer.bias)

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """activation(layer(x) + bias + residual)."""
        y = self._layer.product(x, self.weight, self.bias)
        return finish(y, residual, self._layer.activation)


class LibraryFused(Dense):
    """The layer in one call of cuDNN or cuBLAS, which know rectifiers only."""

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """relu(layer(x) + bias + residual), a linear layer without residual."""
        layer = self._layer
        if not layer.is_conv:
            assert self.bias is not None
            rows = x.reshape(-1, x.shape[-1])
            y: Tensor = torch._addmm_activation(self.bias, rows, self.weight.t())
            return y.view(*x.shape[:-1], len(self.weight))
        where = (layer.stride, layer.padding, layer.dilation, layer.groups)
        if residual is None:
            return torch.cudnn_convolution_relu(x, self.weight, self.bias, *where)
        return torch.cudnn_convolution_add_relu(x, self.weight, residual, 1.0, self.bias, *where)


class SemiStructured(nn.Module):
    """A linear layer of which two of four neighbouring weights are kept, by cuSPARSELt."""

    packed: Tensor
    bias: Tensor | None
    # Tokens that cuSPARSELt takes at a time.
    _MULTIPLE = 8

    def __init__(self, layer: Layer) -> None:
        """Compress the weights of ``layer``, which must be on the GPU."""
        super().__init__()
        self._layer = layer.described()
        self.register_buffer("packed", torch._cslt_compress(layer.weight.contiguous()))
        self.register_buffer("bias", layer.bias)

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """activation(layer(x) + bias + residual)."""
        rows = x.reshape(-1, x.shape[-1])
        lacking = -len(rows) % self._MULTIPLE if len(rows) else self._MULTIPLE
        filled = F.pad(rows, (0, 0, 0, lacking)).contiguous()
        y = torch._cslt_sparse_mm(self.packed, filled.t(), self.bias, transpose_result=True)
        y = y[: len(rows)].reshape(*x.shape[:-1], y.shape[1])
        return finish(y, residual, self._layer.activation)


def is_semi_structured(weight: Tensor) -> bool:
    """Whether at most two of every four neighbouring inputs are kept, in sizes cuSPARSELt takes."""
    n, k = weight.shape
    if weight.itemsize != 2 or n % 16 or k % 16:
        return False
    return int((weight.view(n, -1, 4) != 0).sum(2).max()) <= 2
