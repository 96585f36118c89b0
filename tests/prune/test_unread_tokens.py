"""On tokens too, what is dropped as dead structure changes no answer."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sparseprune import models
from sparseprune.formats import mask
from sparseprune.graph import trace
from sparseprune.prune.unread import without_dead


class Mixer(nn.Module):
    """As many tokens as channels: a layer over tokens, then one over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, 4, 2, stride=2)
        self.tokens, self.up, self.head = nn.Linear(4, 4), nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch(x).flatten(2)
        x = self.tokens(F.gelu(x)).transpose(1, 2)
        return self.head(F.relu(self.up(x)).mean(1))


def vit() -> nn.Module:
    return models.build("vit", input_shape=(1, 4, 4), classes=3, patch=2, width=6, depth=2)


@pytest.mark.parametrize("build", [Mixer, vit])
@pytest.mark.parametrize("seed", range(5))
def test_what_has_no_effect_goes_and_answers_stay(build, seed, filled):
    model = filled(build(), seed).double()
    inputs = torch.randn(3, 1, 4, 4, dtype=torch.float64)
    graph = trace(model, inputs)
    generator = torch.Generator().manual_seed(seed)
    chosen = {
        f"{layer.name}.weight": torch.rand(layer.shape, generator=generator) < 0.25
        for layer in graph.layers
    }
    allowed = frozenset(layer.name for layer in graph.layers)
    less = without_dead(dict(model.named_parameters()), graph, chosen, allowed)
    twins = copy.deepcopy(model), copy.deepcopy(model)
    for twin, masks in zip(twins, (chosen, less), strict=True):
        mask.apply(twin, masks)
    with torch.no_grad():
        torch.testing.assert_close(twins[1](inputs), twins[0](inputs), rtol=1e-12, atol=1e-12)
    kept = [sum(int(p.count_nonzero()) for p in twin.parameters()) for twin in twins]
    assert kept[1] < kept[0]
