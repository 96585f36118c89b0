import copy

import numpy as np
import pytest
import torch
from torch import nn

from sparseprune.formats import mask
from sparseprune.graph import trace
from sparseprune.prune.dead import spread


def spread_of(model, inputs, removed):
    outputs = {name: len(model.get_submodule(name).weight) for name in removed}
    flags = {name: np.isin(np.arange(outputs[name]), gone) for name, gone in removed.items()}
    return spread(dict(model.named_parameters()), trace(model, inputs), flags)


def gone(masks: mask.Masks, name: str, axis: int = 0) -> list[int]:
    """Indices along ``axis`` at which everything is masked."""
    if name not in masks:
        return []
    others = [d for d in range(masks[name].dim()) if d != axis]
    dead = ~masks[name] if not others else (~masks[name]).amin(others)
    return dead.nonzero().flatten().tolist()


class Concat(nn.Module):
    """Two branches side by side, a norm over both, then a linear layer on flattened pictures."""

    def __init__(self):
        super().__init__()
        self.left = nn.Conv2d(1, 3, 1)
        self.right = nn.Conv2d(1, 2, 1)
        self.norm = nn.BatchNorm2d(5)
        self.fc = nn.Linear(5 * 4, 2)

    def forward(self, x):
        both = torch.cat([self.left(x), self.right(x)], 1)
        return self.fc(torch.relu(self.norm(both)).flatten(1))


class Depthwise(nn.Module):
    def __init__(self):
        super().__init__()
        self.point = nn.Conv2d(1, 4, 1, bias=False)
        self.depth = nn.Conv2d(4, 8, 3, padding=1, groups=4)
        self.norm = nn.BatchNorm2d(8)
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        return self.last(nn.functional.relu6(self.norm(self.depth(self.point(x))))).mean((2, 3))


PICTURES = torch.randn(3, 1, 2, 2, generator=torch.Generator().manual_seed(0))


def test_bias_norm_and_readers_die_with_a_filter(residual):
    masks = spread_of(residual(), residual.inputs, {"conv1": [2, 5]})
    assert gone(masks, "conv1.weight") == gone(masks, "conv1.bias") == [2, 5]
    assert gone(masks, "norm1.weight") == gone(masks, "norm1.bias") == [2, 5]
    assert gone(masks, "conv2.weight", axis=1) == [2, 5]
    assert set(masks) == {
        *("conv1.weight", "conv1.bias", "norm1.weight", "norm1.bias", "conv2.weight")
    }


def test_sum_is_dead_only_where_all_its_terms_are(residual):
    masks = spread_of(residual(), residual.inputs, {"stem": [0, 1], "conv2": [1, 2]})
    assert gone(masks, "conv1.weight", axis=1) == [0, 1]
    assert gone(masks, "norm2.weight") == [1, 2]
    assert gone(masks, "head.weight", axis=1) == [1]


def test_concatenation_shifts_and_flattening_repeats(filled):
    masks = spread_of(filled(Concat(), 0), PICTURES, {"left": [1], "right": [0]})
    assert gone(masks, "norm.weight") == gone(masks, "norm.bias") == [1, 3]
    assert gone(masks, "fc.weight", axis=1) == [4, 5, 6, 7, 12, 13, 14, 15]
    assert "fc.bias" not in masks


def test_depthwise_filters_die_with_their_channel(filled):
    masks = spread_of(filled(Depthwise(), 0), PICTURES, {"point": [2]})
    assert gone(masks, "depth.weight") == gone(masks, "depth.bias") == [4, 5]
    assert gone(masks, "norm.weight") == [4, 5]
    assert gone(masks, "last.weight", axis=1) == [4, 5]


def test_layer_that_reads_only_zeros_is_dead_unless_a_bias_speaks(filled):
    for bias, expected in ((False, [0, 1]), (True, [])):
        model = filled(
            nn.Sequential(
                nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2, bias=bias), nn.ReLU(), nn.Linear(2, 2)
            ),
            0,
        )
        masks = spread_of(model, torch.zeros(1, 3), {"0": [0, 1]})
        assert gone(masks, "2.weight", axis=1) == [0, 1]
        assert gone(masks, "4.weight", axis=1) == expected


def test_activation_that_moves_zero_keeps_its_readers(filled):
    model = filled(nn.Sequential(nn.Linear(3, 2), nn.Sigmoid(), nn.Linear(2, 2)), 0)
    assert set(spread_of(model, torch.zeros(1, 3), {"0": [0]})) == {"0.weight", "0.bias"}


def test_norm_without_scale_and_shift_ends_the_spread(filled):
    norm = nn.BatchNorm1d(2, affine=False)
    model = filled(nn.Sequential(nn.Linear(3, 2), norm, nn.Linear(2, 2)), 0)
    assert set(spread_of(model, torch.zeros(2, 3), {"0": [0]})) == {"0.weight", "0.bias"}


def test_norm_of_two_calls_ends_the_spread(filled):
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.norm = nn.Linear(3, 2), nn.Linear(3, 2), nn.BatchNorm1d(2)
            self.c, self.d = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.c(self.norm(self.a(x))) + self.d(self.norm(self.b(x)))

    model = filled(Shared(), 0)
    assert set(spread_of(model, torch.zeros(2, 3), {"a": [0]})) == {"a.weight", "a.bias"}


def test_reader_of_two_calls_loses_only_what_is_dead_at_both(filled):
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 2)

        def forward(self, x):
            return self.c(self.a(x)) + self.c(self.b(x))

    masks = spread_of(filled(Shared(), 0), torch.zeros(2, 3), {"a": [0, 1], "b": [1, 2]})
    assert gone(masks, "c.weight", axis=1) == [1]


@pytest.mark.parametrize("network", ["residual", "concat", "depthwise"])
def test_what_readers_lose_changes_no_output(residual, filled, network):
    """Readers' weights multiply exact zeros: masked or not, the logits are equal bit for bit."""
    model, inputs, removed = {
        "residual": (
            residual(),
            torch.randn(3, 2, 6, 6),
            {"stem": [1], "conv1": [3], "conv2": [1]},
        ),
        "concat": (filled(Concat(), 0), PICTURES, {"left": [0], "right": [1]}),
        "depthwise": (filled(Depthwise(), 0), PICTURES, {"point": [0, 3]}),
    }[network]
    masks = spread_of(model, inputs, removed)
    readers = {name for name in masks if gone(masks, name, axis=0) == []}
    assert readers
    without, everything = copy.deepcopy(model), copy.deepcopy(model)
    mask.apply(without, {name: kept for name, kept in masks.items() if name not in readers})
    mask.apply(everything, masks)
    assert torch.equal(without(inputs), everything(inputs))
    assert not torch.equal(model(inputs), everything(inputs))
