"""Networks, and a clock that says what a test wants."""

import pytest
import torch
from torch import nn

from sparseprune.accelerator.build import Judge
from sparseprune.accelerator.roofline import Ceilings
from sparseprune.accelerator.timing import Round


@pytest.fixture
def call(interpreted):
    """Call what can be pickled where kernels take CPU tensors."""
    return interpreted


class Clock:
    """A timer whose times are given: seconds by name, ``other`` for names that are not there."""

    def __init__(self, other=1.0, **seconds):
        self.other, self.seconds, self.races = other, seconds, []

    def prepare(self, calls):
        for call in calls:
            call()
        return Round(lambda: None, len(calls))

    def race(self, rounds):
        self.races.append({name: found.calls for name, found in rounds.items()})
        return {
            name: self.seconds.get(name.split()[0], self.seconds.get(name, self.other))
            for name in rounds
        }


@pytest.fixture
def clock():
    return Clock


@pytest.fixture
def ceilings():
    """100 TFLOP/s, 1 TB/s, 2 us."""
    return Ceilings(1e14, 1e12, 2e-6)


@pytest.fixture
def judge(ceilings):
    """All take the same time, so all stay dense."""
    return Judge(Clock(), ceilings)


class Block(nn.Module):
    """He's basic block, its shortcut a convolution where it must be."""

    def __init__(self, channels, filters, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential()
        if stride > 1 or channels != filters:
            convolution = nn.Conv2d(channels, filters, 1, stride, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(filters))

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def settled(model):
    """With statistics and scales as training leaves them, in eval mode."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            if module.running_mean is not None:
                nn.init.normal_(module.running_mean)
                nn.init.uniform_(module.running_var, 0.5, 2)
    return model.eval()


@pytest.fixture
def resnet():
    """Two blocks and a classifier, for images [N, 16, 6, 6]."""
    torch.manual_seed(0)
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
    return settled(nn.Sequential(Block(16, 32, 2), Block(32, 32), *head))


@pytest.fixture(name="settled")
def _settled():
    return settled
