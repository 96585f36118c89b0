"""The cases that tests, benchmarks and tuning share: networks with seeded weights and masks."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from sparseprune import models
from sparseprune.formats import mask


@dataclass(frozen=True)
class Case:
    """A network of seeded random weights, ``sparsity`` of each layer's weights zero."""

    network: str
    input_shape: tuple[int, int, int]
    batch: int
    sparsity: float

    @property
    def name(self) -> str:
        side = self.input_shape[-1]
        return f"{self.network}-{side}-b{self.batch}-{100 * self.sparsity:g}"

    def build(self) -> nn.Module:
        """The network, in evaluation mode; the same weights and zeros every time."""
        torch.manual_seed(0)
        model = models.build(self.network, input_shape=self.input_shape, classes=10).eval()
        mask.apply(model, _masks(model, self.sparsity))
        return model


def cpu() -> Iterator[Case]:
    """Networks of the CPU suite. A dense case (sparsity 0) stands before its sparse ones."""
    for network, shape in (("resnet8", (1, 28, 28)), ("resnet20", (3, 32, 32))):
        for batch in (1, 64):
            for sparsity in (0.0, 0.8, 0.9, 0.95):
                yield Case(network, shape, batch, sparsity)


def _masks(model: nn.Module, sparsity: float) -> mask.Masks:
    """Random uniform masks: exactly ``sparsity`` of every convolution's weights, none elsewhere."""
    masks = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            count = module.weight.numel()
            kept = torch.ones(count, dtype=torch.bool)
            kept[torch.randperm(count)[: round(sparsity * count)]] = False
            masks[f"{name}.weight"] = kept.reshape(module.weight.shape)
    return masks
