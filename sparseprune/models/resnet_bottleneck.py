"""The study's "ResNet56" and "ResNet110": bottleneck networks for small pictures.

Its code takes bottlenecks from depth 44 on and leaves the (depth - 2) / 6 blocks a stage as they
were, so the networks are 9 n + 2 = 83 and 164 layers deep and are not He et al.'s (whose
``resnet56`` and ``resnet110`` are of basic blocks).
"""

import torch
from torch import nn

from sparseprune.models.imagenet_resnet import Bottleneck
from sparseprune.models.initial import he_normal


class BottleneckResNet(nn.Module):
    """Stem of ``width`` channels, three stages of bottlenecks, global average pool, classifier."""

    def __init__(self, channels: int, classes: int, *, width: int, depth: int) -> None:
        """``depth`` bottlenecks a stage, of ``width``, 2 ``width`` and 4 ``width`` channels."""
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        inputs = width
        for number, stride in ((1, 1), (2, 2), (3, 2)):
            middle = 2 ** (number - 1) * width
            blocks = [Bottleneck(inputs, middle, stride)]
            inputs = Bottleneck.expansion * middle
            blocks += [Bottleneck(inputs, middle, 1) for _ in range(depth - 1)]
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, classes)
        he_normal(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures [N, C, H, W] to logits [N, classes]."""
        x = torch.relu(self.bn1(self.conv1(x)))
        for number in (1, 2, 3):
            x = self.get_submodule(f"layer{number}")(x)
        logits: torch.Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return logits


def resnet56_bottleneck(
    input_shape: tuple[int, int, int], classes: int, *, width: int = 16
) -> BottleneckResNet:
    """The study's ResNet56: 86 prunable layers; 869 530 parameters at 3x32x32/10."""
    return BottleneckResNet(input_shape[0], classes, width=width, depth=9)


def resnet110_bottleneck(
    input_shape: tuple[int, int, int], classes: int, *, width: int = 16
) -> BottleneckResNet:
    """The study's ResNet110: 167 prunable layers; 1 704 154 parameters at 3x32x32/10."""
    return BottleneckResNet(input_shape[0], classes, width=width, depth=18)
