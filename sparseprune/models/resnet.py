"""Residual networks for small pictures (He et al. 2016, section 4.2), option B shortcuts.

A shortcut whose shape changes is a 1x1 convolution with BatchNorm. Keys follow torchvision's.
"""

import torch
from torch import nn

from sparseprune.models.initial import he_normal


def shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    """Past a block: [N, inputs, H, W] to [N, outputs, H/stride, W/stride]."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: relu(bn(conv(relu(bn(conv(x))))) + shortcut(x))."""

    expansion = 1

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = shortcut(inputs, outputs, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, inputs, H, W] to [N, outputs, H/stride, W/stride]."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return torch.relu(y + self.downsample(x))


class ResNet(nn.Module):
    """Stem, three stages of basic blocks, global average pool, classifier."""

    def __init__(
        self, channels: int, classes: int, *, width: int, depth: int, stem_stride: int
    ) -> None:
        """``depth`` blocks a stage; stages have ``width``, 2 ``width``, 4 ``width`` channels."""
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stem_stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, depth, stride=1)
        self.layer2 = _stage(width, 2 * width, depth, stride=2)
        self.layer3 = _stage(2 * width, 4 * width, depth, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4 * width, classes)
        he_normal(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures [N, C, H, W] to logits [N, classes]."""
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: torch.Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return logits


def resnet8(input_shape: tuple[int, int, int], classes: int, *, width: int = 16) -> ResNet:
    """The quickstart network: stride-2 stem, one block a stage; 77 754 parameters at 1x28x28/10."""
    return ResNet(input_shape[0], classes, width=width, depth=1, stem_stride=2)


def resnet20(input_shape: tuple[int, int, int], classes: int, *, width: int = 16) -> ResNet:
    """The study's ResNet20: three blocks a stage; 272 474 parameters at 3x32x32/10."""
    return ResNet(input_shape[0], classes, width=width, depth=3, stem_stride=1)


def resnet56(input_shape: tuple[int, int, int], classes: int, *, width: int = 16) -> ResNet:
    """He's, nine blocks a stage; 855 770 parameters at 3x32x32/10."""
    return ResNet(input_shape[0], classes, width=width, depth=9, stem_stride=1)


def resnet110(input_shape: tuple[int, int, int], classes: int, *, width: int = 16) -> ResNet:
    """He's, 18 blocks a stage; 1 730 714 parameters at 3x32x32/10."""
    return ResNet(input_shape[0], classes, width=width, depth=18, stem_stride=1)


def _stage(inputs: int, outputs: int, depth: int, stride: int) -> nn.Sequential:
    rest = [BasicBlock(outputs, outputs, 1) for _ in range(depth - 1)]
    return nn.Sequential(BasicBlock(inputs, outputs, stride), *rest)
