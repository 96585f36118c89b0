"""Zero channels carried through operations."""

import numpy as np
import pytest
import torch
from torch import nn

from sparseprune.graph.zeros import propagate


class Net(nn.Module):
    """Two convolutions of four channels, joined by an operation, read by a third."""

    def __init__(self, join, read: int) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 4, 1), nn.Conv2d(1, 4, 1)
        self.join, self.c = join, nn.Conv2d(read, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c(self.join(self.a(x), self.b(x)))


A, B = np.array([1, 1, 0, 0], dtype=bool), np.array([1, 0, 1, 0], dtype=bool)


@pytest.mark.parametrize(
    ("join", "expected"),
    [
        (lambda a, b: a + b, A & B),
        (lambda a, b: a * b, A | B),
        (lambda a, b: torch.cat([a, b], 1), np.concatenate([A, B])),
        (lambda a, b: torch.relu(a) + b.tanh(), A & B),
        (lambda a, b: a * b.sigmoid(), A),
        (lambda a, b: torch.sigmoid(a) + b, np.zeros(4, dtype=bool)),
        (lambda a, b: a.softmax(1) * b, B),
    ],
)
def test_zeros_behind_an_operation(graph_of, join, expected):
    network = graph_of(Net(join, len(expected)), torch.zeros(1, 1, 2, 2))
    found = {}

    def verdict(step, inputs):
        found[step.layer] = inputs
        return {"a": A, "b": B}.get(step.layer, np.zeros(1, dtype=bool))

    propagate(network.steps, verdict)
    assert np.array_equal(found["c"], expected)
