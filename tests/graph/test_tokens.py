"""Tokens: channels along the last axis, linear layers that read them there, or read across."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sparseprune import graph


class Tokens(nn.Module):
    """Patches as tokens [N, 16, 6], an operation, two linear layers, the mean token, a head."""

    def __init__(self, operation: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, 6, 2, stride=2)
        self.operation = operation
        self.up, self.down, self.head = nn.Linear(6, 10), nn.Linear(10, 6), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = self.down(F.gelu(self.up(self.operation(x))))
        return self.head(x.mean(1))


def traced(model: nn.Module) -> graph.NetworkGraph:
    return graph.trace(model, torch.zeros(2, 1, 8, 8))


def test_linear_layers_on_tokens_have_channel_groups():
    network = traced(Tokens(F.relu))
    for producer, consumer, size in (("patch", "up", 6), ("up", "down", 10), ("down", "head", 6)):
        group = network.group_of(producer)
        assert (group.prunable, group.size) == (True, size)
        assert [m.layer for m in group.consumers] == [consumer]


def test_positions_count_tokens():
    positions = {layer.name: layer.positions for layer in traced(Tokens(nn.Identity())).layers}
    assert positions == {"patch": 16, "up": 16, "down": 16, "head": 1}


SAME = {
    "permute": lambda x: x.permute(0, 2, 1).permute([0, -1, 1]),
    "sum": lambda x: x + torch.tanh(x),
    "product": lambda x: x * torch.sigmoid(x),
}


@pytest.mark.parametrize("operation", SAME.values(), ids=SAME)
def test_tokens_keep_their_channels(operation):
    assert traced(Tokens(operation)).group_of("patch").prunable


REFUSED = {
    "LayerNorm 'operation' at node 'operation', which normalises": nn.LayerNorm(6),
    "mean at node 'mean'": lambda x: x + x.mean(2, keepdim=True),
    "unflatten at node 'unflatten', whose parts": lambda x: x.unflatten(2, (2, 3)).flatten(2),
    "flatten at node 'flatten_1'": lambda x: x.flatten(1).unflatten(1, (16, 6)),
    "adaptive_avg_pool2d at node": lambda x: F.adaptive_avg_pool2d(x, (4, 6)),
    "transpose at node 'transpose_1'": lambda x: x.transpose(0, 1).transpose(0, 1),
    "add at node 'add'": lambda x: x + x.transpose(1, 2).reshape(x.shape),
}


@pytest.mark.parametrize(("words", "operation"), REFUSED.items(), ids=REFUSED)
def test_what_is_not_understood_of_tokens_is_refused_by_name(words, operation):
    network = traced(Tokens(operation))
    reasons = {group.refusal for group in network.groups}
    assert any(f"passes {words}" in reason for reason in reasons)
    assert not network.group_of("patch").prunable
    assert network.group_of("up").prunable


def test_a_layer_that_reads_across_tokens_ties_nothing_and_keeps_its_inputs():
    network = traced(Tokens(Across()))
    reason = "layer 'operation.mixer' reads along another axis than its channels"
    assert network.group_of("patch").refusal == reason
    inputs = [g for g in network.groups if any(m.layer == "operation.mixer" for m in g.consumers)]
    assert [(g.size, g.refusal) for g in inputs] == [(16, reason)]
    assert network.group_of("up").prunable


class Across(nn.Module):
    """A linear layer over the tokens of every channel."""

    def __init__(self) -> None:
        super().__init__()
        self.mixer = nn.Linear(16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.mixer(x.transpose(1, 2)).transpose(1, 2)
