"""Plain chains of convolution, BatchNorm, ReLU (Simonyan and Zisserman 2015, with BatchNorm)."""

import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.models.initial import he_normal

# Channels in units of the width; 0 is a 2x2 max pool.
VGG8 = (1, 1, 0, 2, 2, 0, 4, 4, 4, 0)
VGG16 = (1, 1, 0, 2, 2, 0, 4, 4, 4, 0, 8, 8, 8, 0, 8, 8, 8, 0)


class VGG(nn.Module):
    """``features`` (a chain built from a plan) and one linear ``classifier`` on all positions."""

    def __init__(
        self, input_shape: tuple[int, int, int], classes: int, *, width: int, plan: tuple[int, ...]
    ) -> None:
        super().__init__()
        channels, height, across = input_shape
        shrink = 2 ** plan.count(0)
        if min(height, across) < shrink:
            raise InputError(
                f"expected pictures of at least {shrink}x{shrink} for {plan.count(0)} poolings, "
                f"got {height}x{across}; use larger pictures or another model"
            )
        layers: list[nn.Module] = []
        for multiple in plan:
            if multiple == 0:
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [
                nn.Conv2d(channels, multiple * width, 3, padding=1),
                nn.BatchNorm2d(multiple * width),
                nn.ReLU(),
            ]
            channels = multiple * width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels * (height // shrink) * (across // shrink), classes)
        he_normal(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures [N, C, H, W] to logits [N, classes]."""
        logits: torch.Tensor = self.classifier(torch.flatten(self.features(x), 1))
        return logits


def vgg8(input_shape: tuple[int, int, int], classes: int, *, width: int = 16) -> VGG:
    """Seven convolutions and a classifier; small enough for tests."""
    return VGG(input_shape, classes, width=width, plan=VGG8)


def vgg16(input_shape: tuple[int, int, int], classes: int, *, width: int = 64) -> VGG:
    """The study's VGG16: one linear layer; 14 728 266 parameters at 3x32x32/10."""
    return VGG(input_shape, classes, width=width, plan=VGG16)
