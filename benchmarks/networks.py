"""The networks of the CPU suite: seeded weights, random uniform zeros, and their ONNX files."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from cases import Floats, kept
from onnx import numpy_helper
from torch import nn

from sparseprune import models
from sparseprune.exporter.translate import translate
from sparseprune.exporter.zeros import check_zeros

_SEED = 0


@dataclass(frozen=True)
class Zeros:
    """``percent`` of each pruned layer's weights, in blocks of so many consecutive outputs."""

    percent: int
    block: int = 1

    @property
    def name(self) -> str:
        return f"{self.percent}" + (f"x{self.block}" if self.block > 1 else "")


DENSE = Zeros(0)


def inner(model: nn.Module) -> list[str]:
    """Every convolution but the first: the stem reads three channels, and stays dense."""
    return [name for name, m in model.named_modules() if isinstance(m, nn.Conv2d)][1:]


def pointwise(model: nn.Module) -> list[str]:
    """1x1 convolutions: a depthwise one has nine weights a channel, and stays dense."""
    return [
        n for n, m in model.named_modules() if isinstance(m, nn.Conv2d) and m.kernel_size[0] == 1
    ]


def linear(model: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]


@dataclass(frozen=True)
class Network:
    """An architecture at one input size; ``pruned`` names the layers that get zeros.

    ``shape`` is of one sample: [C, H, W], or [features].
    """

    name: str
    model: str
    shape: tuple[int, ...]
    classes: int
    pruned: Callable[[nn.Module], list[str]] = inner

    def build(self) -> nn.Module:
        """The dense network, in evaluation mode; the same weights every time.

        BatchNorm gets statistics and scales as after training: at its start (0 and 1) it would
        fold into convolutions without a bias, which no trained network has.
        """
        torch.manual_seed(_SEED)
        picture = (1,) * (3 - len(self.shape)) + self.shape
        model = models.build(self.model, input_shape=picture, classes=self.classes)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.running_mean, 0, 0.3)
                nn.init.uniform_(module.running_var, 0.5, 2)
                nn.init.uniform_(module.weight, 0.5, 1)
                nn.init.normal_(module.bias, 0, 0.3)
        return model.eval()

    def samples(self, count: int) -> Floats:
        """So many random inputs; the first are the same whatever the count."""
        return np.random.default_rng(_SEED).standard_normal((count, *self.shape), dtype=np.float32)

    def masks(self, model: nn.Module, zeros: Zeros) -> dict[str, np.ndarray]:
        """Which weights stay, by parameter name."""
        masks = {}
        for number, layer in enumerate(self.pruned(model)):
            rng = np.random.default_rng([_SEED, zeros.percent, zeros.block, number])
            shape = tuple(model.get_submodule(layer).weight.shape)
            masks[f"{layer}.weight"] = kept(rng, shape, zeros.percent / 100, zeros.block)
        return masks


class Built:
    """A network and its files. Masks go into the graph that torch wrote once, for it takes 10 s."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.network, self.folder = network, folder
        self._dense = network.build()
        self._proto = translate(self._dense, torch.from_numpy(network.samples(2)))

    def twin(self, zeros: Zeros) -> nn.Module:
        """The torch module with those zeros."""
        twin = copy.deepcopy(self._dense)
        with torch.no_grad():
            for name, mask in self.network.masks(twin, zeros).items():
                twin.get_parameter(name).mul_(torch.from_numpy(mask))
        return twin

    def path(self, zeros: Zeros) -> Path:
        """The ONNX file with those zeros, written when first asked for."""
        path = self.folder / f"{self.network.name}-{zeros.name}.onnx"
        if not path.exists():
            masks = self.network.masks(self._dense, zeros) if zeros != DENSE else {}
            proto = _masked(self._proto, masks)
            check_zeros(self.twin(zeros), proto)
            onnx.save(proto, path)
        return path


def _masked(proto: onnx.ModelProto, masks: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """A copy whose weights are zero where their mask is False."""
    proto = copy.deepcopy(proto)
    for tensor in proto.graph.initializer:
        if tensor.name in masks:
            weight = numpy_helper.to_array(tensor)
            masked = np.where(masks[tensor.name], weight, np.float32(0))
            tensor.CopyFrom(numpy_helper.from_array(masked, tensor.name))
    return proto
