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
        shrink = _shrink(input_shape, plan)
        self.features = _chain(channels, width, plan)
        outputs = plan[-2] * width * (height // shrink) * (across // shrink)
        self.classifier = nn.Linear(outputs, classes)
        he_normal(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures [N, C, H, W] to logits [N, classes]."""
        logits: torch.Tensor = self.classifier(torch.flatten(self.features(x), 1))
        return logits


class ImageNetVGG(nn.Module):
    """``features``, a mean to 7x7 positions, and three linear layers; torchvision's keys."""

    def __init__(self, channels: int, classes: int, *, width: int, plan: tuple[int, ...]) -> None:
        super().__init__()
        self.features = _chain(channels, width, plan)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        hidden = 64 * width
        self.classifier = nn.Sequential(
            nn.Linear(plan[-2] * width * 7 * 7, hidden),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(hidden, classes),
        )
        he_normal(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures [N, C, H, W] to logits [N, classes]."""
        x = torch.flatten(self.avgpool(self.features(x)), 1)
        logits: torch.Tensor = self.classifier(x)
        return logits


def _shrink(input_shape: tuple[int, int, int], plan: tuple[int, ...]) -> int:
    """How many times smaller the map gets, if the pictures allow that."""
    _, height, across = input_shape
    shrink: int = 2 ** plan.count(0)
    if min(height, across) < shrink:
        raise InputError(
            f"expected pictures of at least {shrink}x{shrink} for {plan.count(0)} poolings, "
            f"got {height}x{across}; use larger pictures or another model"
        )
    return shrink


def _chain(channels: int, width: int, plan: tuple[int, ...]) -> nn.Sequential:
    """Convolution, BatchNorm and ReLU for each number of the plan, a pool for each 0."""
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
    return nn.Sequential(*layers)


def vgg8(input_shape: tuple[int, int, int], classes: int, *, width: int = 16) -> VGG:
    """Seven convolutions and a classifier; small enough for tests."""
    return VGG(input_shape, classes, width=width, plan=VGG8)


def vgg16(input_shape: tuple[int, int, int], classes: int, *, width: int = 64) -> VGG:
    """The study's VGG16: one linear layer; 14 728 266 parameters at 3x32x32/10."""
    return VGG(input_shape, classes, width=width, plan=VGG16)


def vgg16_bn(input_shape: tuple[int, int, int], classes: int, *, width: int = 64) -> ImageNetVGG:
    """The ImageNet network with BatchNorm; 138 365 992 parameters at 3x224x224/1000."""
    _shrink(input_shape, VGG16)
    return ImageNetVGG(input_shape[0], classes, width=width, plan=VGG16)
