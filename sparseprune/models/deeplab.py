"""DeepLabV3 on a ResNet-50 (Chen et al. 2017); keys, shapes and arithmetic are torchvision's.

The last two stages of the backbone keep their map at 1/8 of the picture and spread their 3x3
convolutions instead (dilation 2 and 4).
"""

import torch
import torch.nn.functional as F
from torch import nn

from sparseprune.models.imagenet_resnet import DEPTHS_50, Bottleneck, ResNetBody
from sparseprune.models.initial import he_normal

# Of the head's three spread convolutions, at 1/8 of the picture (the paper's section 3.3).
_RATES = (12, 24, 36)


class PooledBranch(nn.Sequential):
    """The mean of the whole map through a 1x1 convolution, spread over the map again."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, inputs, H, W] to [N, outputs, H, W]."""
        y = x
        for layer in self:
            y = layer(y)
        return F.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)


class Pyramid(nn.Module):
    """1x1, three spread 3x3 convolutions and the pooled map, concatenated, then 1x1 (ASPP)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        spread = [_normed(inputs, outputs, 3, dilation=rate) for rate in _RATES]
        branches = [_normed(inputs, outputs, 1), *spread, PooledBranch(inputs, outputs)]
        self.convs = nn.ModuleList(branches)
        self.project = _normed(len(branches) * outputs, outputs, 1)
        self.project.append(nn.Dropout(0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, inputs, H, W] to [N, outputs, H, W]."""
        y: torch.Tensor = self.project(torch.cat([branch(x) for branch in self.convs], 1))
        return y


class DeepLabV3(nn.Module):
    """Backbone, pyramid, 3x3 convolution, 1x1 to the classes, bilinear to the picture's size."""

    def __init__(self, channels: int, classes: int, *, width: int, aux: bool) -> None:
        super().__init__()
        self.backbone = ResNetBody(
            channels, width=width, block=Bottleneck, depths=DEPTHS_50, dilations=(1, 1, 2, 4)
        )
        head = 4 * width
        self.classifier = nn.Sequential(
            Pyramid(self.backbone.channels, head),
            *_normed(head, head, 3),
            nn.Conv2d(head, classes, 1),
        )
        self.aux_classifier: nn.Sequential | None = None
        if aux:
            middle = self.backbone.channels // 8
            self.aux_classifier = nn.Sequential(
                *_normed(self.backbone.channels // 2, middle, 3),
                nn.Dropout(0.1),
                nn.Conv2d(middle, classes, 1),
            )
        he_normal(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor | dict[str, torch.Tensor]:
        """Pictures [N, C, H, W] to logits [N, classes, H, W].

        With the auxiliary head a dict, as torchvision: "out" and "aux", each such logits.
        """
        size = x.shape[-2:]
        third = self.backbone.stages(x, 1, 3)
        out = self._spread(self.classifier(self.backbone.stages(third, 4, 4)), size)
        if self.aux_classifier is None:
            return out
        return {"out": out, "aux": self._spread(self.aux_classifier(third), size)}

    def _spread(self, x: torch.Tensor, size: torch.Size) -> torch.Tensor:
        return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _normed(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


def deeplabv3_resnet50(
    input_shape: tuple[int, int, int], classes: int, *, width: int = 64, aux: bool = False
) -> DeepLabV3:
    """Segmentation; 39 638 869 parameters at 21 classes, 42 004 074 with the auxiliary head."""
    return DeepLabV3(input_shape[0], classes, width=width, aux=aux)
