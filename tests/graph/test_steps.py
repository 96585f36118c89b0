"""Which operations pass channels on, and which are refused, with the place named."""

import operator

import pytest
import torch
import torch.nn.functional as F
from torch import nn

CHANNELWISE = {
    "module relu": nn.ReLU(inplace=True),
    "function relu": F.relu,
    "method relu": lambda x: x.relu(),
    "relu6": F.relu6,
    "leaky relu": nn.LeakyReLU(0.1),
    "tanh": torch.tanh,
    "silu": F.silu,
    "gelu": nn.GELU(),
    "hardswish": nn.Hardswish(),
    "max pool": nn.MaxPool2d(2),
    "functional max pool": lambda x: F.max_pool2d(x, 2),
    "bilinear": lambda x: F.interpolate(x, size=(5, 5), mode="bilinear"),
    "size of another map": lambda x: F.interpolate(x, size=x.shape[-2:], mode="bilinear"),
    "upsampling": nn.Upsample(scale_factor=2),
    "there and back": lambda x: x.permute(0, 2, 3, 1).transpose(1, 3).transpose(2, 3),
    "average pool": lambda x: F.avg_pool2d(x, 2),
    "adaptive pool": lambda x: F.adaptive_avg_pool2d(x, 1),
    "mean, dims kept": lambda x: x.mean([2, 3], keepdim=True),
    "dropout": nn.Dropout(0.5),
    "functional dropout": lambda x: F.dropout(x, 0.5, training=False),
    "identity": nn.Identity(),
    "contiguous": lambda x: x.contiguous(),
    "norm": nn.BatchNorm2d(4),
    "depthwise": nn.Conv2d(4, 4, 3, padding=1, groups=4),
    "sum with itself": lambda x: x + x,
    "residual in place": lambda x: operator.iadd(torch.relu(x), torch.tanh(x)),
    "method add_": lambda x: torch.relu(x).add_(x),
    "product": lambda x: x * torch.sigmoid(x),
    "literal factor": lambda x: 0.5 * x,
}


@pytest.mark.parametrize("operation", CHANNELWISE.values(), ids=CHANNELWISE)
def test_channelwise_operations_keep_one_group(between, operation):
    group = between(operation).group_of("a")
    assert group.prunable
    assert group.size == 4
    assert [m.layer for m in group.producers] == ["a"]
    assert [m.layer for m in group.consumers] == ["b"]


JOINING = {
    "cat": lambda x: torch.cat([x, torch.relu(x)], 1),
    "cat along a negative axis": lambda x: torch.cat((x, x), dim=-3),
    "concat": lambda x: torch.concat([x, x], dim=1),
}


@pytest.mark.parametrize("operation", JOINING.values(), ids=JOINING)
def test_a_tensor_concatenated_with_itself_is_read_twice(between, operation):
    group = between(operation, read=8).group_of("a")
    assert group.prunable
    assert [(m.layer, m.offset) for m in group.consumers] == [("b", 0), ("b", 4)]


class Shift(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(1, 4, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.shift


def overwritten(x: torch.Tensor) -> torch.Tensor:
    y = torch.relu(x)
    z = y.add_(x)
    return z + y


UNKNOWN = [
    ("flip at node 'flip'", lambda x: x.flip(1)),
    ("getitem at node 'getitem'", lambda x: x[:, [1, 0, 3, 2]]),
    ("direct use of tensor 'operation.shift' at node 'operation_shift'", Shift()),
    ("PReLU 'operation' at node 'operation'", nn.PReLU(4)),
    ("add at node 'add'", lambda x: x + 1.0),
    ("add at node 'add_1'", lambda x: (x + x) + torch.add(x, x, alpha=2)),
    ("mul at node 'mul'", lambda x: x * x.size(1)),
    ("view at node 'view'", lambda x: x.view(-1, 4, 8, 8)),
    ("mean at node 'mean'", lambda x: x + x.mean(1, keepdim=True)),
    ("mean at node 'mean'", lambda x: x + x.mean()),
    ("add_ at node 'add_'", overwritten),
    ("cat at node 'cat'", lambda x: torch.cat([x, x], 2)),
]


@pytest.mark.parametrize(("place", "operation"), UNKNOWN)
def test_unknown_operations_refuse_their_groups_and_no_others(between, place, operation):
    network = between(operation)
    refusal = network.group_of("a").refusal
    assert refusal == f"passes {place}, whose effect on channels is not known"
    assert network.group_of("b").prunable


MIXING = [
    (
        "softmax at node 'softmax', which computes each channel with the others",
        lambda x: F.softmax(x, 1),
    ),
    (
        "chunk at node 'chunk', whose parts must keep equal sizes",
        lambda x: torch.cat(x.chunk(2, 1), 1),
    ),
    (
        "GroupNorm 'operation' at node 'operation', which normalises each channel with the others",
        nn.GroupNorm(2, 4),
    ),
    (
        "scaled_dot_product_attention at node 'scaled_dot_product_attention', "
        "whose heads must keep equal sizes",
        lambda x: F.scaled_dot_product_attention(x, x, x),
    ),
]


@pytest.mark.parametrize(("words", "operation"), MIXING)
def test_operations_that_mix_channels_refuse_and_say_how(between, words, operation):
    network = between(operation)
    assert network.group_of("a").refusal == f"passes {words}"
    assert network.group_of("b").prunable


@pytest.mark.parametrize(
    "operation",
    [
        torch.sigmoid,
        nn.Hardsigmoid(),
        nn.Hardtanh(0.5, 2.0),
        lambda x: F.relu(x) + x.sigmoid(),
        nn.Sequential(nn.BatchNorm2d(4), nn.Sigmoid()),
    ],
)
def test_channels_that_would_not_vanish_are_refused(between, operation):
    network = between(operation)
    assert network.group_of("a").refusal == (
        "reaches layer 'b' through an activation that does not keep zeros"
    )
    assert network.group_of("b").prunable


def test_grouped_convolutions_are_refused_by_name(between):
    network = between(nn.Conv2d(4, 4, 1, groups=2))
    for layer in ("a", "operation"):
        refusal = network.group_of(layer).refusal
        assert refusal == "layer 'operation' is a grouped convolution (2 groups)"
    assert "operation" not in {layer.name for layer in network.layers}


class Head(nn.Module):
    """Two conv channels of 3x3 positions, flattened some way, and a linear layer."""

    def __init__(self, flatten) -> None:
        super().__init__()
        self.conv, self.flatten, self.linear = nn.Conv2d(1, 2, 1), flatten, nn.Linear(18, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.flatten(self.conv(x)))


FLATTENING = {
    "module": nn.Flatten(),
    "function": lambda x: torch.flatten(x, 1),
    "method": lambda x: x.flatten(1),
    "view": lambda x: x.view(x.size(0), -1),
    "view by shape": lambda x: x.view(x.shape[0], -1),
    "reshape": lambda x: torch.reshape(x, (x.shape[0], -1)),
    "product of sizes": lambda x: x.reshape(-1, x.size(1) * x.size(2) * x.size(3)),
    "after dropout": lambda x: F.dropout(x.flatten(1), training=False),
}


@pytest.mark.parametrize("flatten", FLATTENING.values(), ids=FLATTENING)
def test_flattening_repeats_channels(graph_of, flatten):
    group = graph_of(Head(flatten), torch.zeros(2, 1, 3, 3)).group_of("conv")
    assert group.prunable
    assert [(m.layer, m.repeat) for m in group.consumers] == [("linear", 9)]


def test_a_view_with_the_channel_count_written_in_is_refused(graph_of):
    network = graph_of(Head(lambda x: x.view(-1, 18)), torch.zeros(2, 1, 3, 3))
    assert "view at node 'view'" in network.group_of("conv").refusal


SQUEEZING = {
    "two squeezes": lambda x: F.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1),
    "mean twice": lambda x: x.mean(-1).mean(-1),
    "mean of named dims": lambda x: torch.mean(x, dim=(-2, -1)),
}


@pytest.mark.parametrize("pooling", SQUEEZING.values(), ids=SQUEEZING)
def test_pooling_to_vectors_keeps_channels(graph_of, pooling):
    model = Head(pooling)
    model.linear = nn.Linear(2, 3)
    group = graph_of(model, torch.zeros(2, 1, 3, 3)).group_of("conv")
    assert group.prunable
    assert [(m.layer, m.repeat) for m in group.consumers] == [("linear", 1)]


def test_a_bare_squeeze_is_refused_because_it_could_drop_the_channels(graph_of):
    model = Head(lambda x: F.adaptive_avg_pool2d(x, 1).squeeze())
    model.linear = nn.Linear(2, 3)
    network = graph_of(model, torch.zeros(2, 1, 3, 3))
    assert "squeeze at node 'squeeze'" in network.group_of("conv").refusal
