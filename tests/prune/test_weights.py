from fractions import Fraction

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from sparseprune.errors import InputError
from sparseprune.formats import mask
from sparseprune.prune import counts, cycle
from sparseprune.prune.ranking import Ranking
from sparseprune.recipe import Prune

ratios = st.decimals("0.01", "0.97", places=2).map(float)


def wt(**options) -> Prune:
    return Prune(method="WT", ratios=[0.5], **options)


def prunable_numel(model: nn.Module, *, head: bool) -> int:
    layers = [model.stem, model.conv1, model.conv2, *([model.head] if head else [])]
    return sum(layer.weight.numel() for layer in layers)


def nothing_dies(masks) -> bool:
    """Whether all that goes is single weights, none of them for want of a reader."""
    return not any("norm" in name or name.endswith("bias") for name in masks)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), width=st.integers(2, 9), target=ratios, head=st.booleans())
def test_exact_count_over_all_parameters(residual, seed, width, target, head):
    model = residual(seed, width)
    total = sum(p.numel() for p in model.parameters())
    free = prunable_numel(model, head=head)
    budget = int((1 - Fraction(str(target))) * total) - (total - free)
    assume(0 < budget < free)
    masks = cycle(model, residual.inputs, wt(prune_output_layer=head), target).masks
    mask.apply(model, masks)
    left = counts(model, residual.inputs).params
    assert left <= total - free + budget
    if nothing_dies(masks):
        assert left == total - free + budget


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), width=st.integers(2, 9), target=ratios)
def test_exact_count_over_weights(residual, seed, width, target):
    model = residual(seed, width)
    total, head = prunable_numel(model, head=True), model.head.weight.numel()
    budget = int((1 - Fraction(str(target))) * total) - head
    assume(0 < budget < total - head)
    masks = cycle(model, residual.inputs, wt(unit="weights"), target).masks
    mask.apply(model, masks)
    left = counts(model, residual.inputs).weights
    assert left <= head + budget
    if nothing_dies(masks):
        assert left == head + budget


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), width=st.integers(2, 9), target=ratios)
def test_flops_come_as_near_below_the_target_as_the_next_weight_allows(
    residual, seed, width, target
):
    model = residual(seed, width)
    dense = counts(model, residual.inputs)
    budget = int((1 - Fraction(str(target))) * dense.flops)
    assume(budget > 3 * width)
    masks = cycle(model, residual.inputs, wt(unit="flops"), target).masks
    mask.apply(model, masks)
    short = budget - counts(model, residual.inputs).flops
    assert short >= 0
    # Every prunable convolution has 36 positions, so a weight costs 36.
    if nothing_dies(masks):
        assert short < 36


def test_ratio_of_decimals_is_not_rounded_in_binary():
    """(1 - 0.9) * 1010 is 100.99... in floating point; the budget is 101."""
    model = nn.Sequential(nn.Linear(101, 10, bias=False))
    settings = wt(unit="weights", prune_output_layer=True)
    for target, kept in ((0.9, 101), (0.3, 707), (0.7, 303)):
        masks = cycle(model, torch.zeros(2, 101), settings, target).masks
        assert sum(int(part.sum()) for part in masks.values()) == kept


def test_one_threshold_for_the_whole_network(residual):
    model = residual()
    masks = cycle(model, residual.inputs, wt(), 0.4).masks
    assert nothing_dies(masks)
    kept = [model.get_parameter(n)[m].abs() for n, m in masks.items()]
    gone = [model.get_parameter(n)[~m].abs() for n, m in masks.items()]
    assert torch.cat(kept).min() > torch.cat(gone).max()


def test_equal_magnitudes_are_kept_from_the_first_on():
    model = nn.Sequential(nn.Linear(2, 3, bias=False), nn.Linear(3, 4, bias=False))
    for parameter in model.parameters():
        nn.init.constant_(parameter, -0.5)
    settings = wt(unit="weights", prune_output_layer=True)
    masks = cycle(model, torch.zeros(1, 2), settings, 0.5).masks
    assert set(masks) == {"1.weight"}
    assert masks["1.weight"].flatten().tolist() == [True] * 3 + [False] * 9


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 99),
    grid=st.lists(ratios, min_size=2, max_size=4, unique=True).map(sorted),
    unit=st.sampled_from(["params", "weights", "flops"]),
)
def test_masks_only_shrink_whatever_training_does_in_between(residual, seed, grid, unit):
    assume(grid[-1] < 0.85)
    model = residual(seed)
    dense = counts(model, residual.inputs)
    before = None
    for target in grid:
        masks = cycle(model, residual.inputs, wt(unit=unit), target, dense).masks
        if before:
            assert all(
                bool((before[name] | ~kept).all()) for name, kept in masks.items() if name in before
            )
        before = masks
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        mask.apply(model, masks)


def test_weights_that_are_zero_in_the_dense_network_are_pruned_already(residual):
    model = residual()
    with torch.no_grad():
        model.conv1.weight[:4] = 0
    dense = counts(model, residual.inputs)
    masks = cycle(model, residual.inputs, wt(), 0.1).masks
    assert not masks["conv1.weight"][:4].any()
    mask.apply(model, masks)
    assert counts(model, residual.inputs).params == int(Fraction("0.9") * dense.params)


def test_output_layer_and_ignored_layers_are_spared(residual):
    model = residual()
    assert set(cycle(model, residual.inputs, wt(), 0.3).masks) == {
        "stem.weight",
        "conv1.weight",
        "conv2.weight",
    }
    ignored = wt(ignored_layers=["stem", "re:conv.$"], prune_output_layer=True)
    found = cycle(model, residual.inputs, ignored, 0.005).masks
    assert "head.weight" in found
    assert not any(name.startswith(("stem.", "conv")) for name in found)


def test_grouped_convolutions_are_never_pruned(filled):
    model = filled(
        nn.Sequential(
            nn.Conv2d(2, 4, 1),
            nn.Conv2d(4, 4, 3, groups=4),
            nn.Conv2d(4, 8, 3, groups=2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, 6),
        ),
        0,
    )
    settings = wt(prune_output_layer=True)
    found = cycle(model, torch.zeros(1, 2, 6, 6), settings, 0.05).masks
    assert set(found) == {"0.weight", "5.weight"}


def test_budget_that_cannot_be_met(residual):
    model = residual()
    with pytest.raises(InputError, match=r"got a budget of 15 of 1531, while 107 belong") as caught:
        cycle(model, residual.inputs, wt(), 0.99)
    # The number given in the message is true: just below it works, and keeps a single weight.
    highest = float(str(caught.value).partition("target below ")[2].split()[0])
    cycle(model, residual.inputs, wt(), highest - 0.0005).apply(model)
    kept = model.stem.weight.count_nonzero() + model.conv1.weight.count_nonzero()
    assert kept + model.conv2.weight.count_nonzero() > 0


def test_channels_are_not_for_wt(residual):
    with pytest.raises(InputError, match="expected the unit params, weights or flops"):
        cycle(residual(), residual.inputs, wt(unit="channels"), 0.5)


@settings(max_examples=60, deadline=None)
@given(
    entries=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=20),
    budget=st.integers(0, 60),
)
def test_ranking_against_its_definition(entries, budget):
    scores = torch.tensor([float(score) for score, _ in entries])
    costs = torch.tensor([cost for _, cost in entries])
    ranked = sorted(range(len(entries)), key=lambda i: (-entries[i][0], i))
    expected, spent = set(), 0
    for index in (index for index in ranked if entries[index][1]):
        spent += entries[index][1]
        if spent > budget:
            break
        expected.add(index)
    assert set(Ranking(scores, costs).kept(budget).nonzero().flatten().tolist()) == expected
