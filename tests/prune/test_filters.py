import copy
from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sparseprune.errors import InputError
from sparseprune.formats import mask
from sparseprune.prune import counts, cycle, ratios
from sparseprune.prune.filters import fraction_kept, fractions
from sparseprune.recipe import Prune


def ft(**options) -> Prune:
    return Prune(method="FT", ratios=[0.5], **options)


def pruned(model: nn.Module, masks: mask.Masks) -> nn.Module:
    result = copy.deepcopy(model)
    mask.apply(result, masks)
    return result


def live(model: nn.Module, layer: str) -> torch.Tensor:
    return (model.get_parameter(f"{layer}.weight") != 0).flatten(1).any(1)


@pytest.mark.parametrize("coupling", ["group", "independent"])
@pytest.mark.parametrize("target", [0.2, 0.5, 0.8])
def test_same_fraction_in_every_layer(residual, coupling, target):
    model = residual(width=8)
    small = pruned(model, cycle(model, residual.inputs, ft(coupling=coupling), target).masks)
    kept = {name: int(live(small, name).sum()) for name in ("stem", "conv1", "conv2")}
    fractions = [Fraction(8 - kept["stem"], 8), Fraction(16 - kept["conv1"], 16)]
    assert kept["conv2"] == kept["stem"]
    assert abs(fractions[0] - fractions[1]) <= Fraction(1, 16)
    assert int(live(small, "head").sum()) == 3


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 99),
    width=st.integers(2, 9),
    target=st.floats(0.05, 0.8),
    unit=st.sampled_from(["params", "weights", "channels", "flops"]),
    coupling=st.sampled_from(["group", "independent"]),
)
def test_no_other_fraction_comes_nearer_to_the_target(
    residual, seed, width, target, unit, coupling
):
    model = residual(seed, width)
    dense = counts(model, residual.inputs)
    options = ft(unit=unit, coupling=coupling)

    def achieved(goal: float) -> float | None:
        try:
            small = pruned(model, cycle(model, residual.inputs, options, goal).masks)
        except InputError:
            return None
        return ratios(counts(small, residual.inputs), dense)[unit]

    found = achieved(target)
    others = [achieved(goal) for goal in (target * 0.7, target * 0.95, target + 0.03, target + 0.1)]
    if found is None:
        assert all(other is None or other < target for other in others)
    else:
        assert all(other is None or abs(found - target) <= abs(other - target) for other in others)


def test_filters_of_smallest_l1_norm_go(residual):
    model = residual()
    small = pruned(model, cycle(model, residual.inputs, ft(coupling="independent"), 0.6).masks)
    for name in ("stem", "conv1", "conv2"):
        norms = model.get_parameter(f"{name}.weight").abs().flatten(1).sum(1)
        kept = live(small, name)
        assert 0 < kept.sum() < len(kept)
        assert norms[kept].min() >= norms[~kept].max()


def test_tied_layers_lose_the_channels_of_smallest_common_norm(residual):
    model = residual()
    small = pruned(model, cycle(model, residual.inputs, ft(coupling="group"), 0.6).masks)
    kept = live(small, "stem")
    assert torch.equal(kept, live(small, "conv2"))
    norms = sum(
        model.get_parameter(f"{name}.weight").abs().flatten(1).sum(1) for name in ("stem", "conv2")
    )
    assert norms[kept].min() >= norms[~kept].max()


def test_equal_norms_are_kept_from_the_first_on(residual):
    model = residual()
    with torch.no_grad():
        for layer in (model.stem, model.conv1, model.conv2):
            layer.weight.fill_(0.5)
    small = pruned(model, cycle(model, residual.inputs, ft(), 0.6).masks)
    for name in ("stem", "conv1", "conv2"):
        kept = live(small, name).tolist()
        assert kept == sorted(kept, reverse=True)


def test_masked_network_has_the_non_zeros_of_the_slimmed_one(residual):
    """Widths 8/16 with k channels fewer count like a network built k channels narrower."""
    model = residual(width=8)
    small = pruned(model, cycle(model, residual.inputs, ft(unit="channels"), 0.5).masks)
    narrow = residual(width=4)
    assert counts(small, residual.inputs) == counts(narrow, residual.inputs)


@pytest.mark.parametrize("coupling", ["group", "independent"])
def test_ratios_of_successive_steps_rise_and_masks_shrink(residual, coupling):
    model = residual()
    dense = counts(model, residual.inputs)
    before: mask.Masks = {}
    reached = [0.0]
    for target in (0.2, 0.4, 0.6, 0.8):
        masks = cycle(model, residual.inputs, ft(coupling=coupling), target, dense).masks
        for name, kept in before.items():
            assert bool((kept | ~masks[name]).all())
        before = masks
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(1 + torch.rand_like(parameter))
        mask.apply(model, masks)
        reached.append(ratios(counts(model, residual.inputs), dense)["params"])
    assert reached == sorted(set(reached))
    assert all(abs(a - b) < 0.06 for a, b in zip(reached[1:], (0.2, 0.4, 0.6, 0.8), strict=True))


def test_single_zeros_of_earlier_pruning_stay_masked(residual):
    model = residual()
    weights = cycle(model, residual.inputs, Prune(method="WT", ratios=[0.5]), 0.5).masks
    dense = counts(model, residual.inputs)
    mask.apply(model, weights)
    masks = cycle(model, residual.inputs, ft(), 0.7, dense).masks
    for name, kept in weights.items():
        assert bool((kept | ~masks[name]).all())


def test_ignored_layer_spares_the_layers_tied_to_it(residual):
    model = residual()
    small = pruned(model, cycle(model, residual.inputs, ft(ignored_layers=["conv2"]), 0.3).masks)
    assert live(small, "stem").all()
    assert live(small, "conv2").all()
    assert not live(small, "conv1").all()


def test_ignored_layer_alone_is_spared_when_layers_are_independent(residual):
    model = residual()
    options = ft(ignored_layers=["conv2"], coupling="independent")
    small = pruned(model, cycle(model, residual.inputs, options, 0.3).masks)
    assert live(small, "conv2").all()
    assert not live(small, "stem").all()


def test_target_out_of_reach(residual):
    model = residual()
    with pytest.raises(InputError, match=r"expected at most 0.9\d{3}, where one filter") as caught:
        cycle(model, residual.inputs, ft(), 0.99)
    highest = float(str(caught.value).partition("at most ")[2].split(",")[0])
    small = pruned(model, cycle(model, residual.inputs, ft(), highest - 1e-4).masks)
    assert [int(live(small, name).sum()) for name in ("stem", "conv1", "conv2")] == [1, 1, 1]


def test_target_out_of_reach_of_multiples(residual):
    with pytest.raises(InputError, match=r"where the least multiple of 4 is left in every layer"):
        cycle(residual(), residual.inputs, ft(round_to=4), 0.9)


def test_no_channels_to_prune_says_why(residual):
    model = residual()
    with pytest.raises(InputError, match=r"channels that may be pruned, found none \(.*is ignored"):
        cycle(model, residual.inputs, ft(ignored_layers=["stem", "conv1"]), 0.5)


def test_output_layer_has_no_filters_to_lose(residual):
    with pytest.raises(
        InputError, match="expected 'head' to be spared, whose filters are the outputs"
    ):
        cycle(residual(), residual.inputs, ft(prune_output_layer=True), 0.5)


def test_coarse_filters_never_make_an_empty_step(filled):
    """The nearest fraction may be the present one; the next is taken then."""
    model = filled(
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2)), 0
    )
    small = pruned(model, cycle(model, torch.zeros(1, 1, 5, 5), ft(), 0.01).masks)
    assert int(live(small, "0").sum()) == 1


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_every_level_removes_one_channel_more_somewhere(sizes):
    kept = [[fraction_kept(size, level) for size in sizes] for level in fractions(sizes)]
    steps = [sizes, *kept]
    for before, after in pairwise(steps):
        drops = [a - b for a, b in zip(before, after, strict=True)]
        assert set(drops) <= {0, 1}
        assert sum(drops) > 0
    assert steps[-1] == [1] * len(sizes)
