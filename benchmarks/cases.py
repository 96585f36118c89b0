"""Layers at the shapes that networks have: one list for the kernel's tests and its benchmarks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from sparseprune import _cpu

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """A convolution on a square map, or a linear layer where ``side`` is 0; biased, pruned.

    Attributes:
        batch: pictures, or rows of a linear layer.
        inputs, outputs: channels, or features.
        density: share of the weights that is kept.
        block: so many consecutive outputs keep weights at the same places.
    """

    network: str
    batch: int
    inputs: int
    outputs: int
    side: int = 0
    kernel: int = 1
    stride: int = 1
    density: float = 0.1
    block: int = 1

    @property
    def name(self) -> str:
        pruned = f"{100 * (1 - self.density):g}" + (f"x{self.block}" if self.block > 1 else "")
        sizes = f"{self.inputs}-{self.outputs}"
        if self.side:
            stride = f"s{self.stride}" if self.stride > 1 else ""
            sizes += f"-{self.kernel}x{self.kernel}{stride}-{self.side}"
        return f"{self.network}-{sizes}-b{self.batch}-{pruned}"

    def small(self) -> "Layer":
        """An eighth of the channels on the same map: what decides layouts and tiles stays."""
        return replace(self, inputs=max(self.inputs // 8, 3), outputs=max(self.outputs // 8, 3))

    def arrays(self, seed: int = 0) -> tuple[Floats, Floats, Floats]:
        """Input, weight and bias, all random; He's scale keeps outputs near one."""
        rng = np.random.default_rng(seed)
        window = (self.kernel, self.kernel) if self.side else ()
        picture = (self.side, self.side) if self.side else ()
        weight = rng.standard_normal((self.outputs, self.inputs, *window), dtype=np.float32)
        weight *= np.sqrt(2 / (self.density * weight[0].size), dtype=np.float32)
        weight *= kept(rng, weight.shape, 1 - self.density, self.block)
        x = rng.standard_normal((self.batch, self.inputs, *picture), dtype=np.float32)
        return x, weight, rng.standard_normal(self.outputs, dtype=np.float32)

    @property
    def window(self) -> dict[str, tuple[int, int]]:
        """The convolution's geometry: "same" padding, as all of these networks have."""
        pad = self.kernel // 2
        return {"stride": (self.stride,) * 2, "pad_begin": (pad,) * 2, "pad_end": (pad,) * 2}

    def program(self, weight: Floats, bias: Floats, isa: str = "") -> "_cpu.Program":
        from sparseprune import _cpu  # the GPU suite needs none

        node = (
            _cpu.conv(self.name, 0, 1, weight, bias, **self.window)
            if self.side
            else _cpu.linear(self.name, 0, 1, weight, bias)
        )
        return _cpu.Program([node], [0], [1], isa)


def kept(
    rng: np.random.Generator, shape: tuple[int, ...], zeros: float, block: int = 1
) -> npt.NDArray[np.bool_]:
    """A random uniform mask: exactly ``zeros`` of the places are False, to the nearest.

    ``block`` consecutive outputs (axis 0) share theirs; the last block may be cut short.
    """
    places = (-(-shape[0] // block), *shape[1:])
    mask = np.ones(places, np.bool_)
    count = round(zeros * mask.size)
    mask.ravel()[rng.choice(mask.size, count, replace=False)] = False
    return mask.repeat(block, axis=0)[: shape[0]]


# inputs, outputs, side of the input map, kernel, stride: one of each kind.
RESNET50 = (
    *((64, 64, 56, 1, 1), (64, 64, 56, 3, 1), (64, 256, 56, 1, 1), (256, 64, 56, 1, 1)),
    *((128, 128, 56, 3, 2), (128, 128, 28, 3, 1), (128, 512, 28, 1, 1), (512, 128, 28, 1, 1)),
    *((256, 512, 56, 1, 2), (256, 256, 28, 3, 2), (256, 256, 14, 3, 1), (256, 1024, 14, 1, 1)),
    *((1024, 256, 14, 1, 1), (512, 512, 14, 3, 2), (512, 512, 7, 3, 1), (512, 2048, 7, 1, 1)),
    (2048, 512, 7, 1, 1),
)
RESNET20 = ((16, 16, 32, 3, 1), (16, 32, 32, 3, 2), (32, 32, 16, 3, 1), (64, 64, 8, 3, 1))
VGG16 = (
    *((64, 64, 32, 3, 1), (128, 128, 16, 3, 1), (256, 256, 8, 3, 1)),
    *((512, 512, 4, 3, 1), (512, 512, 2, 3, 1)),
)
LINEAR = ((768, 3072), (3072, 768))
ZEROS = ((0.1, 1), (0.1, 4))  # density, block


def layers() -> Iterator[Layer]:
    for density, block in ZEROS:
        for network, shapes in (("resnet50", RESNET50), ("resnet20", RESNET20), ("vgg16", VGG16)):
            for inputs, outputs, side, kernel, stride in shapes:
                yield Layer(
                    network, 1, inputs, outputs, side, kernel, stride, density=density, block=block
                )
        for tokens in (1, 128):
            for inputs, outputs in LINEAR:
                yield Layer("linear", tokens, inputs, outputs, density=density, block=block)
