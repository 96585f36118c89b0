"""Every model family: what FT counts is what slimming leaves."""

import pytest
import torch

from sparseprune import convert, models
from sparseprune.prune import counts, cycle, ratios
from sparseprune.recipe import Prune

FAMILIES = ["resnet8", "vgg8", "mobilenet", "densenet22"]


@pytest.mark.parametrize("name", FAMILIES)
def test_masked_network_has_as_many_parameters_as_the_slimmed(filled, name):
    model = filled(models.build(name, input_shape=(3, 32, 32), classes=10), 0)
    inputs = torch.zeros(2, 3, 32, 32)
    dense = counts(model, inputs)
    cycle(model, inputs, Prune(method="FT", ratios=[0.6]), 0.6).apply(model)
    left = counts(model, inputs)
    assert ratios(left, dense)["params"] == pytest.approx(0.6, abs=0.03)
    slimmed = convert.slim(model, inputs, round_to=1).model
    assert left == counts(slimmed, inputs)
    assert left.params == sum(parameter.numel() for parameter in slimmed.parameters())


@pytest.mark.parametrize("name", ["resnet8", "densenet22"])
@pytest.mark.parametrize("method", ["SoftFilter", "RandomFilter", "TaylorFilter", "ThiNet", "PFP"])
def test_slimming_loses_nothing_whatever_the_method(filled, name, method):
    model = filled(models.build(name, input_shape=(3, 32, 32), classes=10), 0)
    inputs = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    settings = Prune(method=method, ratios=[0.5])
    cycle(model, inputs, settings, 0.5, held_out=(inputs, torch.tensor([1, 7]))).apply(model)
    slimmed = convert.slim(model, inputs, round_to=1).model
    left = counts(model, inputs)
    assert left == counts(slimmed, inputs)
    assert left.params == sum(parameter.numel() for parameter in slimmed.parameters())


@pytest.mark.parametrize("method", ["FT", "PFP"])
def test_channels_are_kept_in_multiples(filled, method):
    model = filled(models.build("resnet8", input_shape=(3, 32, 32), classes=10), 0)
    inputs = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    settings = Prune(method=method, ratios=[0.5], round_to=8)
    cycle(model, inputs, settings, 0.5, held_out=inputs).apply(model)
    widths = [
        int(module.weight.flatten(1).any(1).sum())
        for module in model.modules()
        if isinstance(module, torch.nn.Conv2d)
    ]
    assert all(width % 8 == 0 for width in widths)


@pytest.mark.parametrize("name", FAMILIES)
def test_weights_of_every_family_are_pruned_to_the_parameter(filled, name):
    model = filled(models.build(name, input_shape=(3, 32, 32), classes=10), 0)
    inputs = torch.zeros(2, 3, 32, 32)
    dense = counts(model, inputs)
    cycle(model, inputs, Prune(method="WT", ratios=[0.75]), 0.75).apply(model)
    assert counts(model, inputs).params == dense.params // 4
