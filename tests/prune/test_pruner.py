import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.formats import mask
from sparseprune.prune import Geometric, Iterative, Pruner, cycle
from sparseprune.recipe import Prune


def sgd(model: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(
        model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-2
    )


def train(model: nn.Module, optimizer: torch.optim.Optimizer, after_step=lambda: None) -> None:
    """Four steps of a user's own loop."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        inputs = torch.randn(8, 2, 6, 6, generator=generator)
        labels = torch.randint(3, (8,), generator=generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model.train()(inputs), labels).backward()
        optimizer.step()
        after_step()


def zeros_held(model: nn.Module, masks: mask.Masks) -> bool:
    return all(bool((model.get_parameter(name)[~kept] == 0).all()) for name, kept in masks.items())


@pytest.mark.parametrize("method", ["WT", "FT"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_attached_optimizer_keeps_zeros(residual, method, optimizer):
    model = residual()
    pruner = Pruner(model, residual.inputs, method=method, target={"params": 0.7})
    pruner.step()
    chosen = sgd(model) if optimizer == "sgd" else torch.optim.AdamW(model.parameters(), lr=0.01)
    pruner.attach(chosen)
    before = model.conv1.weight.clone()
    train(model, chosen)
    assert zeros_held(model, pruner.masks)
    assert not torch.equal(before, model.conv1.weight)


def test_zeros_revive_in_a_loop_that_applies_no_masks(residual):
    model = residual()
    pruner = Pruner(model, residual.inputs, target={"params": 0.7})
    pruner.step()
    train(model, sgd(model))
    assert not zeros_held(model, pruner.masks)
    assert pruner.ratio < 0.5
    pruner.apply_masks()
    assert pruner.ratio == pytest.approx(0.7, abs=1e-3)


def test_apply_masks_as_the_loops_own_callback(residual):
    model = residual()
    pruner = Pruner(model, residual.inputs, target={"params": 0.7})
    pruner.step()
    train(model, sgd(model), after_step=pruner.apply_masks)
    assert zeros_held(model, pruner.masks)


def test_attach_follows_later_steps_until_removed(residual):
    model = residual()
    target = {"params": 0.8}
    pruner = Pruner(model, residual.inputs, target=target, schedule=Iterative((0.4, 0.8)))
    optimizer = sgd(model)
    handle = pruner.attach(optimizer)
    train(model, optimizer)
    pruner.step()
    first = pruner.masks
    train(model, optimizer)
    assert zeros_held(model, first)
    pruner.step()
    train(model, optimizer)
    assert zeros_held(model, pruner.masks)
    handle.remove()
    train(model, optimizer)
    assert not zeros_held(model, pruner.masks)


def test_attach_unwraps_optimizers_of_training_frameworks(residual):
    model = residual()
    pruner = Pruner(model, residual.inputs, target={"params": 0.7})
    pruner.step()
    inner = sgd(model)
    pruner.attach(SimpleNamespace(optimizer=inner))
    train(model, inner)
    assert zeros_held(model, pruner.masks)


@pytest.mark.parametrize("method", ["WT", "FT"])
def test_rounds_prune_and_retrain_to_the_target(residual, method):
    model = residual(width=16)
    pruner = Pruner(
        model, residual.inputs, method=method, target={"params": 0.8}, schedule=Geometric(3)
    )
    assert pruner.ratio == 0
    reached, before = [], {}
    for step in pruner.rounds():
        step.step()
        optimizer = sgd(model)
        handle = pruner.attach(optimizer)
        train(model, optimizer)
        handle.remove()
        reached.append(step.ratio)
        assert step.ratio == pytest.approx(step.target, abs=0.04)
        assert all(bool((kept | ~pruner.masks[name]).all()) for name, kept in before.items())
        before = pruner.masks
    assert len(reached) == 3
    assert reached == sorted(reached)
    assert pruner.ratios["params"] == reached[-1]


def test_masks_shrink_even_when_the_loop_forgot_them(residual):
    model = residual()
    pruner = Pruner(model, residual.inputs, target={"params": 0.8}, schedule=Iterative((0.5, 0.8)))
    pruner.step()
    first = pruner.masks
    train(model, sgd(model))
    pruner.step()
    assert all(bool((kept | ~pruner.masks[name]).all()) for name, kept in first.items())


def test_one_step_is_the_same_as_cycle(residual):
    model, twin = residual(), residual()
    pruner = Pruner(
        model,
        residual.inputs,
        method="FT",
        target={"flops": 0.5},
        coupling="independent",
        ignored_layers=["stem"],
    )
    pruner.step()
    settings = Prune(
        method="FT", ratios=[0.5], unit="flops", coupling="independent", ignored_layers=["stem"]
    )
    masks = cycle(twin, residual.inputs, settings, 0.5).masks
    mask.apply(twin, masks)
    assert all(torch.equal(masks[name], kept) for name, kept in pruner.masks.items())
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True)
    )


def test_shapes_and_module_stay(residual):
    model = residual()
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    identities = [id(parameter) for parameter in model.parameters()]
    Pruner(model, residual.inputs, method="FT", target={"channels": 0.5}).step()
    assert shapes == {name: parameter.shape for name, parameter in model.named_parameters()}
    assert identities == [id(parameter) for parameter in model.parameters()]


def test_nothing_changes_before_the_first_step(residual):
    model = residual()
    before = copy.deepcopy(model.state_dict())
    pruner = Pruner(model, residual.inputs, target={"params": 0.7})
    pruner.apply_masks()
    assert pruner.masks == {}
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_output_layer_only_when_asked_for(residual):
    for asked in (False, True):
        model = residual()
        target = {"weights": 0.8}
        pruner = Pruner(model, residual.inputs, target=target, prune_output_layer=asked)
        pruner.step()
        assert bool((model.head.weight == 0).any()) == asked


def test_step_after_the_last(residual):
    pruner = Pruner(residual(), residual.inputs, target={"params": 0.5})
    pruner.step()
    with pytest.raises(InputError, match="all 1 of the schedule are done"):
        pruner.step()


def test_round_without_a_step(residual):
    pruner = Pruner(
        residual(), residual.inputs, target={"params": 0.5}, schedule=Iterative((0.3, 0.5))
    )
    with pytest.raises(InputError, match=r"got 0 steps after 1 rounds; call round\.step"):
        for _ in pruner.rounds():
            pass


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": {}}, "expected one unit of params, weights, channels, flops and a ratio"),
        ({"target": {"params": 0.5, "flops": 0.5}}, "expected one unit"),
        ({"target": {"latency": 0.5}}, "expected one unit"),
        ({"target": 0.5}, "expected one unit"),
        ({"target": {"params": 0}}, "expected a ratio above 0 and below 1, got 0"),
        ({"target": {"params": 1.0}}, "expected a ratio above 0 and below 1, got 1.0"),
        ({"target": {"params": float("nan")}}, "expected a ratio above 0"),
        ({"target": {"params": "0.5"}}, "expected a ratio above 0 and below 1, got '0.5'"),
        (
            {"target": {"params": 0.5}, "method": "XX"},
            "expected one of .*, PFPTop, got 'XX'",
        ),
        ({"target": {"params": 0.5}, "coupling": "loose"}, "coupling: expected one of group"),
        ({"target": {"params": 0.5}, "ignored_layers": ["none"]}, "'none' to match a layer"),
        ({"target": {"params": 0.5}, "ignored_layers": "stem"}, "ignored_layers: expected a list"),
    ],
)
def test_bad_arguments(residual, arguments, message):
    with pytest.raises(InputError, match=message):
        Pruner(residual(), residual.inputs, **arguments)
