"""MobileNetV1 of depthwise separable convolutions (Howard et al. 2017), and a short one."""

import torch
from torch import nn

from sparseprune.models.initial import he_normal

Blocks = tuple[tuple[int, int], ...]  # (output channels in units of the width, stride)

# The first five of MobileNetV1's thirteen blocks bring 28x28 to 4x4; the stem halves once more than
# a CIFAR ResNet's, as in the paper.
SHORT: Blocks = ((2, 1), (4, 2), (4, 1), (8, 2), (8, 1))
V1: Blocks = (*SHORT, (16, 2), *((16, 1),) * 5, (32, 2), (32, 1))


class Separable(nn.Sequential):
    """3x3 depthwise convolution, then 1x1; each with BatchNorm and ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, inputs, 3, stride, padding=1, groups=inputs, bias=False),
            nn.BatchNorm2d(inputs),
            nn.ReLU(),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )


class MobileNet(nn.Module):
    """Stride-2 stem, separable blocks, mean over positions, classifier."""

    def __init__(self, channels: int, classes: int, *, width: int, blocks: Blocks) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        inputs = width
        for multiple, stride in blocks:
            layers.append(Separable(inputs, multiple * width, stride))
            inputs = multiple * width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(inputs, classes)
        he_normal(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures [N, C, H, W] to logits [N, classes]."""
        logits: torch.Tensor = self.classifier(self.features(x).mean((2, 3)))
        return logits


def mobilenet(input_shape: tuple[int, int, int], classes: int, *, width: int = 16) -> MobileNet:
    """A short MobileNetV1; ``width`` is the stem's channels (32 in the paper)."""
    return MobileNet(input_shape[0], classes, width=width, blocks=SHORT)


def mobilenet_v1(input_shape: tuple[int, int, int], classes: int, *, width: int = 32) -> MobileNet:
    """The paper's network (its table 1); 4 231 976 parameters at 3x224x224/1000."""
    return MobileNet(input_shape[0], classes, width=width, blocks=V1)
