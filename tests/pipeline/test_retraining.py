"""Ways to retrain, distillation and resuming, through the steps that verbs and runs call."""

import copy
import dataclasses

import pytest
import torch

from sparseprune import train
from sparseprune.errors import GateError, InputError
from sparseprune.formats import mask
from sparseprune.pipeline import steps
from sparseprune.pipeline.fitting import Extra, fit
from sparseprune.pipeline.retraining import Around, early_step
from sparseprune.recipe import parse

TRAIN = {"epochs": 2, "batch_size": 50, "lr": 0.05, "schedule": "multi_step", "milestones": [1]}


def recipe(prune=None, **retrain):
    return parse(
        {
            "data": {"train": 200, "test": 50},
            "model": {"name": "feed_forward", "options": {"hidden": 12}},
            "train": TRAIN,
            "retrain": {"epochs": 1, "batch_size": 50, "lr": 0.02, **retrain},
            "prune": [{"method": "WT", "ratios": [0.5], **(prune or {})}],
        },
        "here",
    )


@pytest.fixture(scope="module")
def parent():
    return steps.train_network(recipe(), seed=1)


def pruned(source, settings, **around):
    entry = settings.prune[0]
    made, _ = steps.prune_network(
        source, settings, entry, entry.ratios[-1], around=Around(**around)
    )
    return made


def same(one, other):
    return all(torch.equal(one.state[name], other.state[name]) for name in one.state)


@pytest.mark.parametrize(
    ("retrain", "epochs"),
    [
        ({}, 1),
        ({"mode": "finetune"}, 1),
        ({"mode": "rewind_lr", "rewind": 0.5}, 2),
        ({"mode": "rewind_lr", "rewind": 1}, 1),
    ],
)
def test_each_way_trains_as_long_as_it_says(parent, retrain, epochs):
    made = pruned(parent, recipe(**retrain))
    assert len(made.meta["losses"]) == epochs
    assert made.meta["ratio"] == pytest.approx(0.5, abs=1e-3)


def test_finetuning_and_rewinding_move_the_weights_less_than_a_restart(parent):
    ways = [{}, {"mode": "finetune"}, {"mode": "rewind_lr", "rewind": 1}]
    restarted, tuned, rewound = (pruned(parent, recipe(**way)) for way in ways)
    # Both run one epoch at a rate of 0.005: the last of the training, and that of its second epoch.
    assert same(tuned, rewound)
    assert not same(tuned, restarted)


def test_rewinding_weights_goes_back_to_those_of_the_training(tmp_path):
    settings = recipe(mode="rewind_weights", rewind=1)
    early = tmp_path / "early.safetensors"
    parent = steps.train_network(settings, seed=1, around=Around(early=early))
    made = pruned(parent, settings, early=early)
    by_hand = steps.models.load(parent)
    kept = mask.of_zeros(steps.models.load(made))
    assert train.restart.rewind(by_hand, early, kept) == 4
    learn, _ = steps.pictures(settings.data)
    train.fit(
        by_hand,
        train.pictures(learn, settings.train, 1),
        torch.from_numpy(learn.labels),
        settings.train,
        seed=1,
        masks=kept,
        start=4,
    )
    assert all(torch.equal(made.state[name], it) for name, it in by_hand.state_dict().items())


def test_without_early_weights_it_says_how_to_get_them(parent, tmp_path):
    settings = recipe(mode="rewind_weights", rewind=1)
    with pytest.raises(InputError, match=r"rewind_weights: expected .* in .*gone, found none"):
        pruned(parent, settings, early=tmp_path / "gone")
    with pytest.raises(InputError, match="early weights, found none; train it with"):
        pruned(parent, settings)


def test_early_weights_are_kept_only_if_they_will_be_wanted(tmp_path):
    early = tmp_path / "early.safetensors"
    steps.train_network(recipe(), seed=1, around=Around(early=early))
    assert not early.exists()


def test_a_network_learns_from_its_parent_where_it_is_told_to(parent):
    settings = recipe(distill={"weight": 1.0})
    alone, taught = pruned(parent, recipe()), pruned(parent, settings, parent=parent)
    assert not same(alone, taught)
    _, test = steps.pictures(settings.data)
    inputs = torch.from_numpy(steps.data.normalise(test.images, test))

    def distance(one):
        return (answers(one, inputs) - answers(parent, inputs)).norm()

    assert distance(taught) < distance(alone)
    with pytest.raises(InputError, match=r"retrain.distill: expected the dense network"):
        pruned(parent, settings)


def answers(source, inputs):
    return steps.models.load(source)(inputs).softmax(1).detach()


class Stopped(Exception):
    pass


@pytest.mark.parametrize("entry", [{}, {"schedule": "gradual", "steps": 3}])
def test_a_stopped_retraining_goes_on_where_it_was(parent, tmp_path, monkeypatch, entry):
    settings, state = recipe(entry, epochs=2), tmp_path / "state.training"
    whole = pruned(parent, settings)
    resume = train.Resume
    monkeypatch.setattr(train, "Resume", lambda path, **options: resume(path, steps=1, **options))

    def stop(fraction, text):
        if fraction > 0.6:
            raise Stopped

    chosen = settings.prune[0]
    with pytest.raises(Stopped):
        steps.prune_network(parent, settings, chosen, 0.5, stop, Around(state=state))
    seen = []
    again, masks = steps.prune_network(
        parent, settings, chosen, 0.5, lambda part, _: seen.append(part), Around(state=state)
    )
    assert seen[0] == pytest.approx(5 / 8)
    assert same(whole, again)
    assert again.meta["losses"] == whole.meta["losses"]
    assert again.meta["ratio"] == pytest.approx(0.5, abs=1e-3)
    assert all(not again.state[name][~kept].any() for name, kept in masks.items())


def test_other_pictures_do_not_go_on_from_the_state(tmp_path, monkeypatch):
    """Pictures of another size have the same labels."""
    state, learn = tmp_path / "state.training", steps.pictures(recipe().data)[0]
    resume = train.Resume
    monkeypatch.setattr(train, "Resume", lambda path, **options: resume(path, steps=1, **options))
    model, _ = steps.network(recipe(), learn)
    given = (recipe().train, 0, steps.silent, Extra(state=state))
    fit(copy.deepcopy(model), learn, *given)
    fit(copy.deepcopy(model), learn, *given)
    other = dataclasses.replace(learn, digest="of others")
    with pytest.raises(InputError, match="expected the state of this training"):
        fit(copy.deepcopy(model), other, *given)


def test_of_a_training_that_diverged_no_state_is_left(tmp_path, monkeypatch):
    """It would only diverge again; what the message asks for, a lower rate, starts afresh."""
    state = tmp_path / "state.training"
    resume = train.Resume
    monkeypatch.setattr(train, "Resume", lambda path, **options: resume(path, steps=1, **options))
    hot = parse(recipe().model_dump(mode="json"), "here", {"train.lr": 1e30})
    with pytest.raises(GateError, match="lower the learning rate"):
        steps.train_network(hot, seed=1, around=Around(state=state))
    assert not state.exists()
    steps.train_network(recipe(), seed=1, around=Around(state=state))


@pytest.mark.parametrize(("rewind", "step"), [(0, 0), (0.5, 2), (1.99, 7)])
def test_the_step_to_go_back_to_is_one_of_the_training(rewind, step):
    """Of two epochs of four steps; 1.99 epochs would round to their end."""
    settings = recipe(mode="rewind_lr", rewind=rewind)
    assert early_step(settings, 200) == step


def test_another_target_does_not_go_on_from_the_state(parent, tmp_path):
    settings = recipe({"schedule": "gradual", "steps": 2})
    path = tmp_path / "state.training"
    resume = train.Resume(path, steps=1, given="something else")
    images = torch.zeros(4, 784)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 2))
    train.fit(
        model,
        images.reshape(4, 1, 28, 28),
        torch.arange(4) % 2,
        settings.train,
        seed=0,
        resume=resume,
    )
    with pytest.raises(InputError, match="expected the state of this training"):
        pruned(parent, settings, state=path)
