import pytest
import torch

from sparseprune import models
from sparseprune.errors import InputError
from sparseprune.pipeline import controls, steps
from sparseprune.recipe import parse

WIDE = {"name": "feed_forward", "options": {"hidden": 20}}


def recipe(model=WIDE, **sections):
    return parse(
        {
            "data": {"train": 200, "test": 50},
            "model": model,
            "train": {"epochs": 2, "batch_size": 50},
            "retrain": {"epochs": 1, "batch_size": 50},
            "prune": [{"method": "WT", "ratios": [0.5]}],
            **sections,
        },
        "here",
    )


@pytest.fixture(scope="module")
def parent():
    return steps.train_network(recipe(), seed=1)


def test_extended_training_trains_all_of_the_parent(parent):
    once = controls.extend_network(parent, recipe())
    twice = controls.extend_network(once, recipe())
    assert [it.meta["cycles"] for it in (once, twice)] == [1, 2]
    assert len(once.meta["losses"]) == 1
    for it in (once, twice):
        assert (it.meta["method"], it.meta["form"], it.meta["ratio"]) == ("extended", "dense", 0)
    changed = [not torch.equal(parent.state[name], it) for name, it in once.state.items()]
    assert all(changed)


def test_a_small_network_is_as_large_as_what_is_left(parent):
    small = controls.small_network(parent, recipe(), 0.72, "params", cycles=3)
    assert small.model["options"] == {"hidden": 6}
    # 795 parameters a hidden channel: the nearest is within half of one.
    assert small.meta["ratio"] == pytest.approx(0.72, abs=0.5 * 795 / 15_910 + 1e-3)
    assert (small.meta["method"], small.meta["form"]) == ("small", "dense")
    assert len(small.meta["losses"]) == 2 + 3
    assert steps.describe(small)["cycles"] == 3
    # What was trained is what its own recipe says.
    assert steps.recipe_of(small).model.options == {"hidden": 6}
    assert small.meta["seed"] == parent.meta["seed"]


@pytest.mark.parametrize(
    ("model", "unit", "target", "options"),
    [
        ({"name": "resnet8"}, "params", 0.75, {"width": 8}),
        ({"name": "resnet8"}, "channels", 0.75, {"width": 4}),
        ({"name": "resnet8"}, "flops", 0.75, {"width": 8}),
        ({"name": "densenet22", "options": {"growth": 8}}, "channels", 0.5, {"growth": 4}),
        ({"name": "resnet8", "options": {"width": 2}}, "params", 0.99, {"width": 1}),
        # Three heads share a width, so only every third is one.
        (
            {"name": "vit", "options": {"width": 12, "patch": 7, "depth": 1}},
            "params",
            0.6,
            {"width": 6, "patch": 7, "depth": 1},
        ),
    ],
)
def test_channels_are_those_nearest_in_size(model, unit, target, options):
    settings = recipe(model)
    learn, _ = steps.pictures(settings.data)
    assert controls.narrowed(settings, learn, target, unit).options == options


def test_an_architecture_without_a_width_says_so():
    with pytest.raises(InputError, match=r"'mine:net': expected an option that scales .* got none"):
        models.width("mine:net", {})
    assert models.width("mine:net", {"width": 7, "depth": 2}) == ("width", 7)


@pytest.mark.parametrize(
    ("retrain", "epochs", "milestones"),
    [
        ({"epochs": 4}, 12, [3, 6]),
        ({"epochs": 1, "mode": "finetune"}, 6, [1.5, 3]),
        ({"mode": "rewind_lr", "rewind": 2.5}, 7, [1.75, 3.5]),
    ],
)
def test_its_schedule_is_stretched(retrain, epochs, milestones):
    train = {"epochs": 4, "schedule": "multi_step", "milestones": [1, 2], "warmup_epochs": 1}
    made = controls.stretched(recipe(train=train, retrain=retrain), cycles=2)
    assert (made.epochs, made.milestones, made.warmup_epochs) == (epochs, milestones, 1)
