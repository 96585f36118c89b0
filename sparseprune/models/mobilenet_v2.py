"""MobileNetV2 of inverted residuals (Sandler et al. 2018); keys and shapes are torchvision's."""

import torch
from torch import nn

from sparseprune.models.initial import he_normal

# Expansion, output channels (at width 32), blocks, stride of the first: the paper's table 2.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_STEM, _LAST = 32, 1280


class Inverted(nn.Module):
    """1x1 to ``expansion`` times the channels, 3x3 depthwise, 1x1 without activation."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = expansion * inputs
        expand = [_normed(inputs, hidden, 1)] if expansion > 1 else []
        self.conv = nn.Sequential(
            *expand,
            _normed(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, inputs, H, W] to [N, outputs, H/stride, W/stride]."""
        y: torch.Tensor = self.conv(x)
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    """Stride-2 stem, 17 inverted residuals, 1x1 convolution, mean, dropout, classifier."""

    def __init__(self, channels: int, classes: int, *, width: int) -> None:
        """``width`` is the stem's channels; the others follow in proportion, in eights."""
        super().__init__()
        layers: list[nn.Module] = [_normed(channels, width, 3, stride=2)]
        inputs = width
        for expansion, share, blocks, first in _STAGES:
            outputs = _eights(share * width / _STEM)
            for block in range(blocks):
                layers.append(Inverted(inputs, outputs, first if block == 0 else 1, expansion))
                inputs = outputs
        last = _eights(_LAST * max(1.0, width / _STEM))
        layers.append(_normed(inputs, last, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, classes))
        he_normal(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures [N, C, H, W] to logits [N, classes]."""
        logits: torch.Tensor = self.classifier(self.features(x).mean((2, 3)))
        return logits


def _normed(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    padding = kernel // 2
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU6())


def _eights(channels: float) -> int:
    """The nearest multiple of 8, at least 8; one more where that would take away over 10 %."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


def mobilenet_v2(
    input_shape: tuple[int, int, int], classes: int, *, width: int = 32
) -> MobileNetV2:
    """The paper's network; 3 504 872 parameters at 3x224x224/1000."""
    return MobileNetV2(input_shape[0], classes, width=width)
