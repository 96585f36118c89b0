"""A layer and all that is computed with it: y = activation(layer(x) + bias + residual)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# An object, the name of its attribute, and a value.
Setting = tuple[Any, str, Any]
# Those that the kernels know (``sparseprune.kernels.epilogue``).
ACTIVATIONS = ("identity", "relu", "relu6", "silu", "hardswish", "sigmoid", "gelu")


@dataclass(frozen=True)
class Layer:
    """A Conv2d or Linear with what follows it folded in.

    Attributes:
        name: path of the module in the network.
        weight: [N, C / groups, R, S] or [N, K].
        bias: [N].
        stride: of a convolution, as are ``padding``, ``dilation`` and ``groups``.
        activation: one of ``ACTIVATIONS``.
        residual: whether a tensor like y is added before the activation.
    """

    name: str
    weight: Tensor
    bias: Tensor | None
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    activation: str = "identity"
    residual: bool = False

    @property
    def is_conv(self) -> bool:
        """Whether it reads images."""
        return self.weight.ndim == 4

    @property
    def density(self) -> float:
        """Weights that are not zero / weights."""
        return int(self.weight.count_nonzero()) / self.weight.numel()

    def to(self, device: torch.device, dtype: torch.dtype) -> "Layer":
        """The same layer with its tensors there, rounded once."""
        bias = None if self.bias is None else self.bias.to(device, dtype)
        return replace(self, weight=self.weight.to(device, dtype), bias=bias)

    def described(self) -> "Layer":
        """All but the values: what a module keeps whose buffers hold them, and move with it."""
        return replace(self, weight=self.weight.to("meta"), bias=None)

    def positions(self, x: Tensor) -> int:
        """Outputs per filter: pixels of all images, or tokens."""
        if not self.is_conv:
            return prod(x.shape[:-1])
        axes = zip(
            x.shape[2:], self.weight.shape[2:], self.stride, self.padding, self.dilation,
            strict=True,
        )  # fmt: skip
        sizes = [(h + 2 * pad - gap * (r - 1) - 1) // step + 1 for h, r, step, pad, gap in axes]
        return int(x.shape[0]) * prod(sizes)

    def exact(self, x: Tensor, residual: Tensor | None) -> Tensor:
        """The definition, in float64."""
        bias = None if self.bias is None else self.bias.double()
        # For a single use cuDNN would try all it has.
        with lent((torch.backends.cudnn, "enabled", False)):
            y = self.product(x.double(), self.weight.double(), bias)
        return finish(y, None if residual is None else residual.double(), self.activation)

    def product(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """layer(x) + bias, with these tensors in place of its own."""
        if not self.is_conv:
            return F.linear(x, weight, bias)
        return F.conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)


@contextmanager
def lent(*settings: Setting) -> Iterator[None]:
    """Set attributes, and what they were when that is over."""
    before = [(where, name, getattr(where, name)) for where, name, _ in settings]
    try:
        for where, name, value in settings:
            setattr(where, name, value)
        yield
    finally:
        for where, name, value in reversed(before):
            setattr(where, name, value)


def finish(y: Tensor, residual: Tensor | None, activation: str) -> Tensor:
    """activation(y + residual), written over ``y`` where torch can."""
    if residual is not None:
        y = y.add_(residual)
    if activation == "identity":
        return y
    if activation == "gelu":
        return F.gelu(y)
    if activation == "sigmoid":
        return y.sigmoid_()
    finished: Tensor = getattr(F, activation)(y, inplace=True)
    return finished
