import copy
import re

import pytest
import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.formats import mask
from sparseprune.prune import METHODS, UNITS, Method, Pruned, check, counts, cycle, ratios
from sparseprune.recipe import Prune

CASES = [
    (name, unit)
    for name, method in METHODS.items()
    for unit in UNITS
    if method.removes == "filters" or unit != "channels"
]


def settings(method: str = "WT", **options) -> Prune:
    return Prune(method=method, ratios=[0.5], **options)


def prune(residual, model, method: str, unit: str = "params") -> Pruned:
    options = settings(method, unit=unit)
    return cycle(model, residual.inputs, options, 0.5, held_out=residual.held_out)


@pytest.mark.parametrize(("method", "unit"), CASES)
@pytest.mark.parametrize("training", [True, False])
def test_every_method_leaves_the_model_alone(residual, method, unit, training):
    model = residual().train(training)
    before = copy.deepcopy(model.state_dict())
    masks = prune(residual, model, method, unit).masks
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert model.training == training
    assert all(kept.dtype == torch.bool for kept in masks.values())
    mask.check(model, masks)


@pytest.mark.parametrize("method", METHODS)
def test_same_network_gives_the_same_masks(residual, method):
    first, second = (
        cycle(residual(), residual.inputs, settings(method), 0.6, held_out=residual.held_out).masks
        for _ in range(2)
    )
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(("method", "unit"), CASES)
def test_achieved_ratio_is_near_the_target_in_the_unit_asked_for(residual, method, unit):
    model = residual(width=16)
    dense = counts(model, residual.inputs)
    prune(residual, model, method, unit).apply(model)
    reached = ratios(counts(model, residual.inputs), dense)[unit]
    # Weights: one of them, which costs 36 flops. Filters: one channel in 16 of every layer takes a
    # 16th of the weights on either side, so the nearer side is at most half of two 16ths away.
    one_weight = {"params": 1 / dense.params, "weights": 1 / dense.weights}
    bound = (
        one_weight.get(unit, 36 / dense.flops) if METHODS[method].removes == "weights" else 1 / 16
    )
    if method in ("SiPPRand", "SiPPHybrid"):
        bound = 0.0025  # how many different weights are drawn is left to chance
    assert abs(reached - 0.5) <= bound


@pytest.mark.parametrize("method", METHODS)
def test_step_that_would_remove_nothing(residual, method):
    model = residual()
    dense = counts(model, residual.inputs)
    cycle(model, residual.inputs, settings(method), 0.5, held_out=residual.held_out).apply(model)
    here = ratios(counts(model, residual.inputs), dense)["params"]
    for target in (here, 0.3, 0.0):
        with pytest.raises(InputError, match=f"above the present {here:.4f} and below 1"):
            cycle(model, residual.inputs, settings(method), target, dense)


def test_smallest_target_removes_one_weight(residual):
    """int((1 - 1e-9) * 1531) is 1530."""
    model = residual()
    masks = cycle(model, residual.inputs, settings(), 1e-9).masks
    assert sum(int((~kept).sum()) for kept in masks.values()) == 1


@pytest.mark.parametrize("target", [1.0, 1.5])
def test_target_of_everything(residual, target):
    with pytest.raises(InputError, match="and below 1"):
        cycle(residual(), residual.inputs, settings(), target)


def test_step_that_removes_nothing_is_an_error(residual, monkeypatch):
    def idle(parameters, task):
        return Pruned({"stem.weight": torch.ones(8, 2, 3, 3, dtype=torch.bool)})

    monkeypatch.setitem(METHODS, "WT", Method("weights", "nothing", idle, "idle"))
    with pytest.raises(InputError, match="expected WT to remove something, but the ratio stays"):
        cycle(residual(), residual.inputs, settings(), 0.5)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(residual, value):
    model = residual()
    with torch.no_grad():
        model.norm1.bias[0] = value
    with pytest.raises(InputError, match=r"tensor 'norm1\.bias': expected finite values"):
        cycle(model, residual.inputs, settings(), 0.5)


def test_shared_weight_is_named(filled):
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    model[2].weight = model[0].weight
    with pytest.raises(InputError, match="layer '2': expected a weight of its own"):
        cycle(filled(model, 0), torch.zeros(1, 2), settings(), 0.5)


def test_example_inputs_may_be_a_tuple(residual):
    masks = cycle(residual(), (residual.inputs,), settings(), 0.5).masks
    assert "stem.weight" in masks


def test_layer_without_weights_is_warned_of(residual, caplog):
    model = residual()
    with torch.no_grad():
        model.conv2.weight.zero_()
    cycle(model, residual.inputs, settings(), 0.2)
    # What conv1 computes is read by conv2 alone.
    assert caplog.messages == [
        f"layer '{name}' has no weights left; what it computes is constant"
        for name in ("conv1", "conv2")
    ]
    caplog.clear()
    cycle(residual(), residual.inputs, settings(), 0.2)
    assert caplog.messages == []


REFUSED = [
    *((name, {}, 0.999) for name in METHODS),
    *((name, {"unit": "channels"}, 0.5) for name in METHODS if METHODS[name].removes == "weights"),
    ("SiPPRand", {"pattern": "4x1"}, 0.5),
    ("SiPPHybrid", {"allocation": "uniform"}, 0.5),
    ("FT", {"round_to": 64}, 0.5),
    ("PFP", {"round_to": 64}, 0.5),
    ("ThiNet", {"prune_output_layer": True}, 0.5),
    ("WT", {"ignored_layers": ["nowhere"]}, 0.5),
    ("WT", {"pattern": "4*1"}, 0.5),
    ("WT", {"round_to": 8}, 0.5),
    ("FT", {"pattern": "4x1"}, 0.5),
    ("FT", {"ignored_layers": ["re:.*"]}, 0.5),
]


@pytest.mark.parametrize(("method", "options", "target"), REFUSED)
def test_check_says_what_pruning_would(residual, method, options, target):
    asked = Prune(method=method, ratios=[0.01, target], **options)
    with pytest.raises(InputError) as late:
        cycle(residual(), residual.inputs, asked, target, held_out=residual.held_out)
    with pytest.raises(InputError) as early:
        check(residual(), residual.inputs, [settings(), asked])
    assert str(early.value) == str(late.value)


@pytest.mark.parametrize("method", [n for n in METHODS if METHODS[n].removes == "filters"])
def test_check_knows_a_bound_on_what_independent_masks_can_reach(residual, method):
    """Which ratio they do reach depends on which channels a sum joins, and so on the scores."""
    asked = Prune(method=method, ratios=[0.999], coupling="independent")
    with pytest.raises(InputError, match="expected at most") as late:
        cycle(residual(), residual.inputs, asked, 0.999, held_out=residual.held_out)
    with pytest.raises(InputError, match="expected at most") as early:
        check(residual(), residual.inputs, [asked])
    assert highest(late) <= highest(early) < 0.999


def highest(refused) -> float:
    return float(re.search(r"at most ([\d.]+),", str(refused.value))[1])


@pytest.mark.parametrize(("method", "unit"), CASES)
def test_check_passes_what_pruning_can_do_and_keeps_quiet(residual, method, unit, caplog):
    model = residual()
    before = copy.deepcopy(model.state_dict())
    check(model, residual.inputs, [settings(method, unit=unit)])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert caplog.messages == []


def test_check_finds_no_fault_with_the_highest_ratio_reached(residual):
    """Of FT: one filter is left in every layer."""
    dense = counts(residual(), residual.inputs)
    with pytest.raises(InputError, match="expected at most") as refused:
        check(residual(), residual.inputs, [Prune(method="FT", ratios=[0.999])])
    model, target = residual(), highest(refused) - 1e-4
    check(model, residual.inputs, [Prune(method="FT", ratios=[target])])
    cycle(model, residual.inputs, Prune(method="FT", ratios=[target]), target).apply(model)
    reached = ratios(counts(model, residual.inputs), dense)["params"]
    assert reached == pytest.approx(target, abs=2e-4)
