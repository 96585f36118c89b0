import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from sparseprune.formats import mask
from sparseprune.graph import trace
from sparseprune.prune.dead import spread
from sparseprune.prune.unread import without_dead


class Branches(nn.Module):
    """Concatenation, a depthwise convolution, a gate, a grouped convolution, flattening."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(2, 4, 3, padding=1)
        self.b = nn.Conv2d(2, 3, 1, bias=False)
        self.norm = nn.BatchNorm2d(7)
        self.depthwise = nn.Conv2d(7, 7, 3, padding=1, groups=7)
        self.gate = nn.Linear(7, 7)
        self.grouped = nn.Conv2d(7, 6, 1)
        self.head = nn.Linear(6 * 9, 4)

    def forward(self, x):
        x = torch.cat([torch.relu(self.a(x)), self.b(x)], 1)
        x = torch.relu(self.depthwise(self.norm(x)))
        x = x * torch.sigmoid(self.gate(x.mean((2, 3))))[:, :, None, None]
        return self.head(torch.relu(self.grouped(x)).flatten(1))


def dropped(model, inputs, share, seed):
    """Masks that drop a random share of every convolution and linear layer, and what dies."""
    generator = torch.Generator().manual_seed(seed)
    graph = trace(model, inputs)
    layers = frozenset(layer.name for layer in graph.layers)
    parameters = dict(model.named_parameters())
    masks = {
        f"{name}.weight": torch.rand(parameters[f"{name}.weight"].shape, generator=generator)
        > share
        for name in layers
    }
    return masks, without_dead(parameters, graph, masks, layers)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("share", [0.5, 0.8, 0.9, 0.97])
@pytest.mark.parametrize("kind", ["residual", "branches"])
def test_what_dies_changes_no_answer(residual, filled, kind, share, seed):
    model = residual(seed) if kind == "residual" else filled(Branches(), seed)
    inputs = torch.randn(5, 2, 6, 6) if kind == "residual" else torch.randn(5, 2, 3, 3)
    masks, complete = dropped(model, inputs, share, seed)
    mask.apply(model, masks)
    before = model.double()(inputs.double())
    mask.apply(model, complete)
    torch.testing.assert_close(model(inputs.double()), before, rtol=1e-12, atol=1e-12)
    assert all(
        bool((masks[name] | ~kept).all()) for name, kept in complete.items() if name in masks
    )


def test_nothing_without_effect_is_left(filled):
    """Of a chain whose second layer reads one unit only, all else of the first goes."""
    model = filled(
        nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)), 0
    )
    masks = {"2.weight": torch.zeros(4, 4, dtype=torch.bool)}
    masks["2.weight"][1, 2] = True
    graph = trace(model, torch.zeros(1, 3))
    found = without_dead(dict(model.named_parameters()), graph, masks, frozenset({"0", "2", "4"}))
    assert found["0.weight"].any(1).tolist() == [False, False, True, False]
    assert found["0.bias"].tolist() == [False, False, True, False]
    # Units of the second layer without weights still give their bias on.
    assert "2.bias" not in found
    assert "4.weight" not in found


def test_a_channel_of_zeros_is_not_read(filled):
    model = filled(nn.Sequential(nn.Linear(3, 3, bias=False), nn.ReLU(), nn.Linear(3, 2)), 0)
    masks = {"0.weight": torch.ones(3, 3, dtype=torch.bool)}
    masks["0.weight"][1] = False
    graph = trace(model, torch.zeros(1, 3))
    parameters = dict(model.named_parameters())
    found = without_dead(parameters, graph, masks, frozenset({"0", "2"}))
    assert found["2.weight"].tolist() == [[True, False, True]] * 2
    spared = without_dead(parameters, graph, masks, frozenset({"0"}))
    assert "2.weight" not in spared


class Tied(nn.Module):
    """An autoencoder whose decoder reads the encoder's weight, and the scale of a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 5)
        self.norm = nn.BatchNorm1d(5)
        self.encode = nn.Linear(5, 3)

    def forward(self, x):
        code = torch.relu(self.encode(self.norm(self.first(x))))
        return functional.linear(code, self.encode.weight.t()) + self.norm.weight


@pytest.mark.parametrize("whole_filters", [False, True])
def test_what_forward_reads_itself_has_an_effect(filled, whole_filters):
    """The encoder's second column multiplies zeros, and decodes the second feature all the same."""
    model = filled(Tied(), 0)
    with torch.no_grad():
        model.norm.bias[1] = 0
        model.norm.running_mean[1] = 0
    masks = {name: torch.ones_like(model.get_parameter(name)).bool() for name in ("first.weight",)}
    masks["first.weight"][1] = False
    masks["first.bias"] = torch.arange(5) != 1
    graph = trace(model, torch.zeros(2, 4))
    parameters = dict(model.named_parameters())
    if whole_filters:
        complete = spread(parameters, graph, {"first": np.arange(5) == 1})
    else:
        allowed = frozenset(layer.name for layer in graph.layers)
        complete = without_dead(parameters, graph, masks, allowed)
    inputs = torch.randn(6, 4)
    mask.apply(model, masks)
    before = model(inputs)
    mask.apply(model, complete)
    assert torch.equal(model(inputs), before)
    assert not complete.get("first.bias", torch.ones(5))[1]
