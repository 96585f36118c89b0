"""Small helpers to look at groups."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from sparseprune import graph
from sparseprune.graph import Group, NetworkGraph

Rows = list[tuple[int, list[str], list[str], list[str], str]]


@pytest.fixture
def rows() -> Callable[[NetworkGraph], Rows]:
    """Groups as plain rows; a member is its name, with offset and repeat when not plain."""

    def name(member: graph.Member) -> str:
        where = f"+{member.offset}" if member.offset else ""
        return member.layer + where + (f"*{member.repeat}" if member.repeat > 1 else "")

    def row(group: Group) -> tuple[int, list[str], list[str], list[str], str]:
        sides = (group.producers, group.followers, group.consumers)
        return (group.size, *([name(m) for m in side] for side in sides), group.refusal)

    return lambda network: [row(group) for group in network.groups]


@pytest.fixture
def between() -> Callable[..., NetworkGraph]:
    """Trace conv ``a`` (4 channels), an operation, conv ``b`` (6), mean, linear ``c``."""

    class Net(nn.Module):
        def __init__(self, operation: Callable[[torch.Tensor], torch.Tensor], read: int) -> None:
            super().__init__()
            self.a = nn.Conv2d(1, 4, 3, padding=1)
            self.operation = operation
            self.b = nn.Conv2d(read, 6, 3, padding=1)
            self.c = nn.Linear(6, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.c(self.b(self.operation(self.a(x))).mean((2, 3)))

    def build(operation: Callable[[torch.Tensor], torch.Tensor], read: int = 4) -> NetworkGraph:
        return graph.trace(Net(operation, read), torch.zeros(2, 1, 8, 8))

    return build


@pytest.fixture
def graph_of() -> Callable[..., NetworkGraph]:
    return graph.trace
