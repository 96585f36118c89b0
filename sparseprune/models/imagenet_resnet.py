"""Residual networks for ImageNet's pictures (He et al. 2016, section 4.1): torchvision's.

Keys, shapes and arithmetic are those of ``torchvision.models``, so its checkpoints load. As there,
a bottleneck halves its map in the 3x3 convolution, not in the first 1x1 ("version 1.5").
"""

import torch
from torch import nn

from sparseprune.models.initial import he_normal
from sparseprune.models.resnet import BasicBlock, shortcut

# Channels of the four stages in units of the width.
_STAGES = (1, 2, 4, 8)
DEPTHS_50 = (3, 4, 6, 3)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution beside a shortcut; the last makes four times the channels."""

    expansion = 4

    def __init__(self, inputs: int, channels: int, stride: int, dilation: int = 1) -> None:
        super().__init__()
        outputs = self.expansion * channels
        self.conv1 = nn.Conv2d(inputs, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(
            channels, channels, 3, stride, padding=dilation, dilation=dilation, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = shortcut(inputs, outputs, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, inputs, H, W] to [N, 4 channels, H/stride, W/stride]."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + self.downsample(x))


class ResNetBody(nn.Module):
    """7x7 stem and max pool (each halves), four stages.

    Attributes:
        channels: of the last stage's map.
    """

    def __init__(
        self,
        channels: int,
        *,
        width: int,
        block: type[BasicBlock] | type[Bottleneck],
        depths: tuple[int, int, int, int],
        dilations: tuple[int, int, int, int] = (1, 1, 1, 1),
    ) -> None:
        """A stage of dilation d > 1 keeps its map; its first block still has the dilation before.

        Only bottlenecks can be dilated.
        """
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        inputs, before = width, 1
        for number, (multiple, depth) in enumerate(zip(_STAGES, depths, strict=True), start=1):
            dilation = dilations[number - 1]
            blocks: list[nn.Module] = []
            for position in range(depth):
                stride = 2 if number > 1 and position == 0 and dilation == 1 else 1
                spread = before if position == 0 else dilation
                spare = () if spread == 1 else (spread,)
                blocks.append(block(inputs, multiple * width, stride, *spare))
                inputs = block.expansion * multiple * width
            before = dilation
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
        self.channels = inputs

    def stages(self, x: torch.Tensor, first: int, last: int) -> torch.Tensor:
        """Stem and stages ``first`` = 1 to ``last`` of pictures, or later stages of a map."""
        if first == 1:
            x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        for number in range(first, last + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return x


class ImageNetResNet(ResNetBody):
    """The body, global average pool, classifier."""

    def __init__(
        self,
        channels: int,
        classes: int,
        *,
        width: int,
        block: type[BasicBlock] | type[Bottleneck],
        depths: tuple[int, int, int, int],
    ) -> None:
        super().__init__(channels, width=width, block=block, depths=depths)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(self.channels, classes)
        he_normal(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures [N, C, H, W] to logits [N, classes]."""
        x = self.stages(x, 1, len(_STAGES))
        logits: torch.Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return logits


def resnet18(input_shape: tuple[int, int, int], classes: int, *, width: int = 64) -> ImageNetResNet:
    """Two basic blocks a stage; 11 689 512 parameters at 3x224x224/1000."""
    return ImageNetResNet(
        input_shape[0], classes, width=width, block=BasicBlock, depths=(2, 2, 2, 2)
    )


def resnet50(input_shape: tuple[int, int, int], classes: int, *, width: int = 64) -> ImageNetResNet:
    """3, 4, 6, 3 bottlenecks; 25 557 032 parameters at 3x224x224/1000."""
    return ImageNetResNet(input_shape[0], classes, width=width, block=Bottleneck, depths=DEPTHS_50)


def resnet101(
    input_shape: tuple[int, int, int], classes: int, *, width: int = 64
) -> ImageNetResNet:
    """3, 4, 23, 3 bottlenecks; 44 549 160 parameters at 3x224x224/1000."""
    return ImageNetResNet(
        input_shape[0], classes, width=width, block=Bottleneck, depths=(3, 4, 23, 3)
    )
