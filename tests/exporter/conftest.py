"""One small residual network with pruned weights and a dead channel, exported once."""

import pytest
import torch
from torch import nn


class Residual(nn.Module):
    """Stem, one residual block with a strided shortcut, pooling, classifier."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.body = nn.Sequential(nn.Conv2d(4, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6))
        self.shortcut = nn.Conv2d(4, 6, 1, 2)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = torch.relu(self.norm(self.stem(x)))
        x = torch.relu(self.body(x) + self.shortcut(x))
        return self.head(x.mean((2, 3)))


@pytest.fixture(scope="session")
def make_model():
    """A function that makes the network: seeded, used BatchNorm statistics, 70 % zeros."""

    def make():
        torch.manual_seed(0)
        model = Residual()
        with torch.no_grad():
            model.train()(torch.randn(64, 2, 6, 6))
            for parameter in (model.stem.weight, model.body[0].weight, model.head.weight):
                parameter[torch.rand_like(parameter) < 0.7] = 0
            model.body[1].weight[2] = 0
        return model.eval()

    return make


@pytest.fixture
def model(make_model):
    return make_model()


@pytest.fixture(scope="session")
def pictures():
    return torch.randn(3, 2, 6, 6, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="session")
def translated(make_model, pictures):
    """The network as the translator gives it."""
    from sparseprune.exporter.translate import translate

    return translate(make_model(), pictures)


@pytest.fixture(scope="session")
def exported(make_model, pictures, tmp_path_factory):
    """(path, parity record) of the network's export."""
    from sparseprune import exporter

    path = tmp_path_factory.mktemp("export") / "new" / "folder" / "net.onnx"
    origin = {"method": "WT", "ratio": 0.7, "seed": 3, "recipe": {"name": "x", "seed": 3}}
    return path, exporter.export(make_model(), path, example_inputs=pictures, provenance=origin)
