"""DenseNet-BC (Huang et al. 2017): every layer reads all earlier outputs of its block.

Keys follow torchvision's ``densenet.py``; small pictures have no stem pooling.
"""

from collections import OrderedDict

import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.models.initial import he_normal

LAYERS_PER_BLOCK = 3
BLOCKS = 3


class DenseLayer(nn.Module):
    """BatchNorm, ReLU, 1x1 to 4 ``growth``; again, 3x3 to ``growth``; then concatenate."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, inputs, H, W] to [N, inputs + growth, H, W]."""
        y = self.conv1(torch.relu(self.norm1(x)))
        y = self.conv2(torch.relu(self.norm2(y)))
        return torch.cat([x, y], 1)


class Transition(nn.Module):
    """BatchNorm, ReLU, 1x1 convolution to half the channels, 2x2 average pool."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.conv = nn.Conv2d(inputs, inputs // 2, 1, bias=False)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, inputs, H, W] to [N, inputs / 2, H / 2, W / 2]."""
        y: torch.Tensor = self.pool(self.conv(torch.relu(self.norm(x))))
        return y


class DenseNet(nn.Module):
    """Three dense blocks with transitions between, BatchNorm, ReLU, mean, classifier."""

    def __init__(self, channels: int, classes: int, *, growth: int) -> None:
        super().__init__()
        width = 2 * growth
        features: OrderedDict[str, nn.Module] = OrderedDict()
        features["conv0"] = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        for block in range(1, BLOCKS + 1):
            dense: OrderedDict[str, nn.Module] = OrderedDict()
            for layer in range(1, LAYERS_PER_BLOCK + 1):
                dense[f"denselayer{layer}"] = DenseLayer(width, growth)
                width += growth
            features[f"denseblock{block}"] = nn.Sequential(dense)
            if block < BLOCKS:
                features[f"transition{block}"] = Transition(width)
                width //= 2
        features["norm5"] = nn.BatchNorm2d(width)
        self.features = nn.Sequential(features)
        self.classifier = nn.Linear(width, classes)
        he_normal(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures [N, C, H, W] to logits [N, classes]."""
        y = torch.relu(self.features(x)).mean((2, 3))
        logits: torch.Tensor = self.classifier(y)
        return logits


def densenet22(input_shape: tuple[int, int, int], classes: int, *, growth: int = 12) -> DenseNet:
    """The study's DenseNet22: growth 12, compression 2; 71 686 parameters at 3x32x32/10."""
    shrink = 2 ** (BLOCKS - 1)
    if min(input_shape[1:]) < shrink:
        raise InputError(
            f"expected pictures of at least {shrink}x{shrink} for {BLOCKS - 1} poolings, "
            f"got {input_shape[1]}x{input_shape[2]}; use larger pictures or another model"
        )
    return DenseNet(input_shape[0], classes, growth=growth)
