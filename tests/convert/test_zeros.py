"""Which channels the weights make zero: each rule alone."""

import numpy as np
import pytest
import torch
from torch import nn

from sparseprune import graph
from sparseprune.convert.zeros import by_weights
from sparseprune.graph.zeros import propagate


def zeros_after(layer: nn.Module, incoming: list[bool]) -> list[bool]:
    """Zero channels behind ``layer`` when those in ``incoming`` are zero before it."""
    channels = len(incoming)
    first = nn.Conv2d(1, channels, 1)
    with torch.no_grad():
        first.weight[incoming], first.bias[incoming] = 0, 0
    model = nn.Sequential(first, layer)
    network = graph.trace(model, torch.zeros(1, 1, 3, 3))
    found = propagate(network.steps, by_weights(dict(model.named_modules())))
    return found[network.steps[-2].node].tolist()


def filled(layer: nn.Module, **entries: dict[tuple[int, ...], float]) -> nn.Module:
    """``layer`` with all parameters 1 but those given."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(1.0)
        for name, values in entries.items():
            for index, value in values.items():
                layer.get_parameter(name)[index] = value
    return layer


def test_a_filter_needs_zero_weights_and_a_zero_bias():
    layer = filled(nn.Conv2d(2, 3, 1), weight={(0,): 0, (1,): 0}, bias={(0,): 0, (2,): 0})
    assert zeros_after(layer, [False, False]) == [True, False, False]


def test_a_filter_that_reads_only_zeros_gives_zeros():
    layer = filled(nn.Conv2d(2, 2, 1, bias=False), weight={(0, 1): 0})
    assert zeros_after(layer, [True, False]) == [True, False]


def test_a_grouped_filter_needs_zero_weights():
    layer = filled(nn.Conv2d(4, 2, 1, groups=2, bias=False), weight={(0,): 0})
    assert zeros_after(layer, [True] * 4) == [True, False]


def test_a_depthwise_filter_passes_zeros_on():
    layer = filled(nn.Conv2d(2, 4, 1, groups=2, bias=False), weight={(3,): 0})
    assert zeros_after(layer, [True, False]) == [True, True, False, True]


def test_a_norm_needs_zero_gamma_and_beta():
    layer = filled(nn.BatchNorm2d(3), weight={(0,): 0, (1,): 0}, bias={(0,): 0, (2,): 0})
    assert zeros_after(layer, [True] * 3) == [True, False, False]


@pytest.mark.parametrize("incoming", [[True, True], [False, True]])
def test_a_norm_without_parameters_promises_nothing(incoming):
    assert zeros_after(nn.BatchNorm2d(2, affine=False), incoming) == [False, False]


def test_the_promise_is_kept_by_the_network(network, channel_masks, masked):
    model, inputs = network("densenet22", growth=4)
    twin = masked(model, channel_masks(model, inputs, 0.5))
    traced = graph.trace(twin, inputs)
    found = propagate(traced.steps, by_weights(dict(twin.named_modules())))
    checked = 0
    with torch.no_grad():
        values = {}
        for step in traced.steps:
            if step.kind == "norm":
                module = traced.traced.get_submodule(step.layer)
                module.register_forward_hook(
                    lambda _, __, result, key=step.node: values.__setitem__(key, result)
                )
        traced.traced(inputs)
    for node, value in values.items():
        zero = value.transpose(0, 1).flatten(1).abs().amax(1).numpy() == 0
        assert not (found[node] & ~zero).any()
        checked += int(np.count_nonzero(found[node]))
    assert checked > 50
