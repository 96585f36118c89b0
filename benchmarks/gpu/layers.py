"""Layers with their tensors, and what they must answer in float64."""

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from gpu import gate
from gpu.contest import Work
from gpu.place import Place

# Rows of a linear layer, and images, that are computed again in float64.
CHECKED_ROWS, CHECKED_IMAGES = 64, 2


@dataclass(frozen=True)
class Linear:
    """[tokens, inputs] -> [tokens, outputs]; ``activation`` is identity or relu."""

    place: Place
    tokens: int
    outputs: int
    inputs: int
    activation: str = "relu"
    dtype: torch.dtype = torch.bfloat16

    @cached_property
    def x(self) -> Tensor:
        return self.place.random(self.tokens, self.inputs, seed=0, dtype=self.dtype)

    @cached_property
    def weight(self) -> Tensor:
        shape, scale = (self.outputs, self.inputs), self.inputs**-0.5
        return self.place.random(*shape, seed=1, scale=scale, dtype=self.dtype)

    @cached_property
    def bias(self) -> Tensor:
        return self.place.random(self.outputs, seed=2, dtype=self.dtype)

    def work(self, kept: int, stored: int) -> Work:
        """With ``kept`` weights in ``stored`` bytes."""
        answer = self.tokens * self.outputs * self.x.element_size()
        return Work(2 * self.tokens * kept, self.x.nbytes + stored + answer)

    def expected(self, weight: Tensor) -> Tensor:
        """The checked rows of the answer with ``weight``, float64."""
        rows = gate.ends(self.x, CHECKED_ROWS).double()
        y = F.linear(rows, weight.double(), self.bias.double())
        return y.relu() if self.activation == "relu" else y


@dataclass(frozen=True)
class Conv:
    """[batch, inputs, side, side] with "same" padding, then ReLU; channels last."""

    place: Place
    batch: int
    inputs: int
    outputs: int
    side: int
    kernel: int = 3
    stride: int = 1

    @property
    def name(self) -> str:
        stride = f"s{self.stride}" if self.stride > 1 else ""
        window = f"{self.kernel}x{self.kernel}{stride}"
        return f"conv-{self.inputs}-{self.outputs}-{window}-{self.side}-b{self.batch}"

    @property
    def padding(self) -> int:
        return self.kernel // 2

    @property
    def pixels(self) -> int:
        """Of the answer: rows of the product."""
        side = (self.side + 2 * self.padding - self.kernel) // self.stride + 1
        return self.batch * side * side

    @cached_property
    def x(self) -> Tensor:
        x = self.place.random(self.batch, self.inputs, self.side, self.side, seed=0)
        return x.to(memory_format=torch.channels_last)

    @cached_property
    def weight(self) -> Tensor:
        window = (self.kernel, self.kernel)
        scale = (self.inputs * self.kernel**2) ** -0.5
        weight = self.place.random(self.outputs, self.inputs, *window, seed=1, scale=scale)
        return weight.to(memory_format=torch.channels_last)

    @cached_property
    def bias(self) -> Tensor:
        return self.place.random(self.outputs, seed=2)

    def surrounded(self, edge: int) -> Tensor:
        """The input between ``edge`` pixels of zeros, channels last."""
        return F.pad(self.x, (edge,) * 4).contiguous(memory_format=torch.channels_last)

    def work(self, kept: int, stored: int) -> Work:
        """With ``kept`` weights in ``stored`` bytes."""
        answer = self.pixels * self.outputs * self.x.element_size()
        return Work(2 * self.pixels * kept, self.x.nbytes + stored + answer)

    def expected(self, weight: Tensor) -> Tensor:
        """The checked images of the answer with ``weight``, float64.

        On the CPU, so that cuDNN is not compared with itself.
        """
        images, weight, bias = (
            tensor.to("cpu", torch.float64)
            for tensor in (gate.ends(self.x, CHECKED_IMAGES), weight, self.bias)
        )
        return F.conv2d(images, weight, bias, self.stride, self.padding).relu()
