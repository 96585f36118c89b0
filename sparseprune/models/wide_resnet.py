"""Wide residual networks for small pictures (Zagoruyko and Komodakis 2016).

Blocks are pre-activated: BatchNorm and ReLU stand before each convolution, and a shortcut whose
shape changes is a 1x1 convolution of what the first of them gives.
"""

import torch
from torch import nn

from sparseprune.models.initial import he_normal


class WideBlock(nn.Module):
    """conv(relu(bn(conv(relu(bn(x)))))) beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.shortcut: nn.Conv2d | None = None
        if inputs != outputs or stride != 1:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, inputs, H, W] to [N, outputs, H/stride, W/stride]."""
        y = torch.relu(self.bn1(x))
        past = x if self.shortcut is None else self.shortcut(y)
        total: torch.Tensor = past + self.conv2(torch.relu(self.bn2(self.conv1(y))))
        return total


class WideResNet(nn.Module):
    """16-channel stem, three stages, BatchNorm, ReLU, global average pool, classifier."""

    def __init__(self, channels: int, classes: int, *, width: int, depth: int) -> None:
        """``depth`` blocks a stage, of ``width``, 2 ``width`` and 4 ``width`` channels."""
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.layer1 = _stage(16, width, depth, stride=1)
        self.layer2 = _stage(width, 2 * width, depth, stride=2)
        self.layer3 = _stage(2 * width, 4 * width, depth, stride=2)
        self.bn1 = nn.BatchNorm2d(4 * width)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4 * width, classes)
        he_normal(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures [N, C, H, W] to logits [N, classes]."""
        x = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        x = self.avgpool(torch.relu(self.bn1(x)))
        logits: torch.Tensor = self.fc(torch.flatten(x, 1))
        return logits


def _stage(inputs: int, outputs: int, depth: int, stride: int) -> nn.Sequential:
    rest = [WideBlock(outputs, outputs, 1) for _ in range(depth - 1)]
    return nn.Sequential(WideBlock(inputs, outputs, stride), *rest)


def wrn16_8(input_shape: tuple[int, int, int], classes: int, *, width: int = 128) -> WideResNet:
    """The study's WRN16-8: two blocks a stage, 8 times 16 wide; 10 961 370 parameters."""
    return WideResNet(input_shape[0], classes, width=width, depth=2)
