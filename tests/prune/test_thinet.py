import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sparseprune.graph import trace
from sparseprune.prune import cycle
from sparseprune.prune.observe import gather
from sparseprune.prune.thinet import contributions, greedy
from sparseprune.recipe import Prune


def reference(terms: list[list[float]]) -> list[int]:
    """Section 2.7 in plain loops: sqrt(n) channels per round, those that add least."""
    count = len(terms[0])
    gone: list[int] = []
    while len(gone) < count:

        def cost(channel: int, before: tuple[int, ...] = tuple(gone)) -> float:
            return sum((sum(row[j] for j in before) + row[channel]) ** 2 for row in terms)

        left = [channel for channel in range(count) if channel not in gone]
        # The last of equals first.
        gone += sorted(left, key=lambda channel: (cost(channel), -channel))[: math.isqrt(count)]
    return gone


@given(data=st.data(), samples=st.integers(1, 6), count=st.integers(1, 12))
def test_greedy_order_against_plain_loops(data, samples, count):
    # Whole numbers, so that sums are exact and ties are ties.
    row = st.lists(st.integers(-9, 9), min_size=count, max_size=count)
    terms = data.draw(st.lists(row, min_size=samples, max_size=samples))
    assert greedy(np.array(terms, dtype=np.float64)) == reference(terms)


def test_channels_that_cancel_go_together():
    """Each contributes much; both together nothing. A norm would keep them."""
    terms = np.array([[5.0, -5.0, 6.0, 6.0], [3.0, -3.0, 6.0, 6.0]])
    assert set(greedy(terms)[:2]) == {0, 1}


@pytest.mark.parametrize("count", [1, 3, 120])
def test_contributions_add_up_to_outputs_of_the_reader(filled, count):
    model = filled(nn.Sequential(nn.Conv2d(2, 4, 3), nn.Conv2d(4, 3, 2, bias=False)), 0)
    inputs = torch.randn(count, 2, 6, 6)
    graph = trace(model, inputs)
    found = contributions(gather(graph, model.state_dict(), inputs), graph.layers[1:], seed=0)["1"]
    assert found.shape[1] == 4
    assert 50 <= len(found) <= 100
    outputs = model(inputs).detach().flatten().double().numpy()
    nearest = np.abs(found.sum(1)[:, None] - outputs[None, :]).min(1)
    # Eight products in float32.
    assert nearest.max() <= 1e-5 * np.abs(outputs).max()


def test_independent_layers_read_the_picture_whole(residual):
    """The uniform allocation leaves the network's own inputs alone (section 2.5)."""
    model = residual(width=16)
    options = Prune(method="ThiNet", ratios=[0.5], coupling="independent")
    masks = cycle(model, residual.inputs, options, 0.5, held_out=residual.held_out).masks
    assert "conv1.weight" in masks
    assert "stem.weight" not in masks


def test_seeds_draw_other_outputs(residual):
    options = Prune(method="ThiNet", ratios=[0.5])
    first, second = (
        cycle(
            residual(width=16), residual.inputs, options, 0.5, held_out=residual.held_out, seed=seed
        ).masks
        for seed in (1, 2)
    )
    assert any(not torch.equal(first[name], second[name]) for name in first)
