"""Networks without a useful bound on rounding: slim and masked twins agree in double precision.

Norms over channels and interpolation have none, and of a hundred layers it bounds little. In
double precision a wrong channel still shows ten orders of magnitude above it.
"""

import copy

import pytest
import torch
from torch import nn

from sparseprune import models, prune
from sparseprune.convert import slim
from sparseprune.graph import trace
from sparseprune.recipe import Prune

NETWORKS = {
    "deeplabv3_resnet50": ((3, 33, 40), {"width": 4}),
    "vit": ((3, 8, 8), {"width": 12, "depth": 2}),
    "resnet110": ((3, 8, 8), {"width": 4}),
    "resnet56_bottleneck": ((3, 8, 8), {"width": 4}),
    "resnet110_bottleneck": ((3, 8, 8), {"width": 4}),
    "resnet101": ((3, 32, 32), {"width": 4}),
    "vit_tiny": ((3, 32, 32), {"width": 12, "depth": 2}),
}


@pytest.fixture(params=NETWORKS)
def case(request, settled) -> tuple[nn.Module, torch.Tensor]:
    shape, options = NETWORKS[request.param]
    torch.manual_seed(0)
    model = models.build(request.param, input_shape=shape, classes=5, **options)
    return settled(model).eval(), torch.randn(2, *shape)


def answer(model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return copy.deepcopy(model).double()(inputs.double())


def test_filters_are_pruned_and_leave(case):
    model, inputs = case
    dense = prune.counts(model, inputs)
    prune.cycle(model, inputs, Prune(method="FT", ratios=[0.15]), 0.15).apply(model)
    left = prune.counts(model, inputs)
    slimmed = slim(model, inputs)
    assert slimmed.record["removed"] > 0
    assert prune.ratios(left, dense)["params"] == pytest.approx(0.15, abs=0.05)
    assert prune.counts(slimmed.model, inputs) == left
    torch.testing.assert_close(
        answer(slimmed.model, inputs), answer(model, inputs), rtol=1e-10, atol=1e-12
    )


def test_weights_are_pruned_to_the_parameter(case):
    model, inputs = case
    dense = prune.counts(model, inputs)
    prune.cycle(model, inputs, Prune(method="WT", ratios=[0.5]), 0.5).apply(model)
    left = prune.counts(model, inputs)
    assert dense.params // 2 - 2 <= left.params <= dense.params // 2


def test_every_convolution_and_linear_layer_is_prunable(case):
    model, inputs = case
    layers = {layer.name for layer in trace(model, inputs).layers}
    assert layers == {
        name for name, module in model.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)
    }


def test_a_transformers_hidden_units_leave_and_its_stream_stays():
    model = models.build("vit", input_shape=(3, 8, 8), classes=5, width=12, depth=2)
    network = trace(model, torch.zeros(1, 3, 8, 8))
    hidden = {f"blocks.{number}.mlp.fc1" for number in (0, 1)}
    prunable = {m.layer for g in network.groups if g.prunable for m in g.producers}
    assert prunable == hidden
    assert "whose parts must keep equal sizes" in network.group_of("blocks.0.attn.qkv").refusal
    assert network.group_of("blocks.1.mlp.fc2").refusal
    positions = {layer.name: layer.positions for layer in network.layers}
    assert positions["blocks.0.mlp.fc1"] == 5


def test_deeplabs_backbone_pyramid_and_head_lose_channels():
    model = models.build("deeplabv3_resnet50", input_shape=(3, 32, 32), classes=5, width=4)
    network = trace(model, torch.zeros(1, 3, 32, 32))
    refused = {m.layer for g in network.groups if not g.prunable for m in g.producers}
    assert refused == {"classifier.4"}
    assert network.output_layers == ("classifier.4",)
    branches = [network.group_of(f"classifier.0.convs.{n}.{m}") for n, m in enumerate("00001")]
    offsets = [member.offset for g in branches for member in g.consumers]
    assert offsets == [0, 16, 32, 48, 64]
