import pytest
import torch
from torch import nn

from sparseprune.graph import trace

# Tensors here are tiny: a second thread only waits for the first.
torch.set_num_threads(1)


class Residual(nn.Module):
    """Stem, a block with a sum, BatchNorm after each convolution, a classifier with bias."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, width, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(2 * width)
        self.conv2 = nn.Conv2d(2 * width, width, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.head = nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem_norm(self.stem(x)))
        y = torch.relu(self.norm1(self.conv1(x)))
        x = torch.relu(x + self.norm2(self.conv2(y)))
        return self.head(x.mean((2, 3)))


def without_zeros(model: nn.Module, seed: int) -> nn.Module:
    """``model`` with random parameters, none of them zero, as after training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            values = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(values + 0.01 * torch.sign(values))
    return model.eval()


@pytest.fixture(scope="session")
def residual():
    """Builds residual networks; ``inputs`` is what they take, ``held_out`` for evidence."""

    def build(seed: int = 0, width: int = 8) -> nn.Module:
        return without_zeros(Residual(width), seed)

    build.inputs = torch.zeros(2, 2, 6, 6)
    generator = torch.Generator().manual_seed(5)
    build.held_out = (torch.randn(12, 2, 6, 6, generator=generator), torch.arange(12) % 3)
    build.trace = lambda model: trace(model, build.inputs)
    return build


@pytest.fixture(scope="session")
def filled():
    """Gives any model random parameters without zeros."""
    return without_zeros
