"""Consecutive steps and gradual pruning, on a network of a hundred weights."""

import pytest
import torch
from torch import nn

from sparseprune import prune, train
from sparseprune.errors import InputError
from sparseprune.pipeline.pruning import Aim, Gradual, to_target
from sparseprune.recipe import Prune, Train

torch.set_num_threads(1)


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 20), nn.ReLU(), nn.Linear(20, 2))


def aim(model, target=0.8, seed=0, **settings):
    example = torch.zeros(2, 1, 4, 4)
    chosen = Prune(**{"method": "WT", "ratios": [target], **settings})
    return Aim(chosen, target, prune.counts(model, example), example, None, seed)


@pytest.fixture
def asked(monkeypatch):
    """The targets that ``prune.cycle`` is asked for."""
    seen = []
    cycle = prune.cycle

    def spy(model, example, settings, target, *rest, **options):
        seen.append((target, options["seed"]))
        return cycle(model, example, settings, target, *rest, **options)

    monkeypatch.setattr(prune, "cycle", spy)
    return seen


def test_consecutive_steps_remove_the_same_part_of_what_is_left(asked):
    model = net()
    wanted = aim(model, 0.784, seed=5, steps=3)
    to_target(model, wanted)
    assert [target for target, _ in asked] == pytest.approx([0.4, 0.64, 0.784])
    assert [seed for _, seed in asked] == [5, 6, 7]
    assert wanted.here(model) == pytest.approx(0.784, abs=1 / 382)


def test_they_go_on_from_where_the_network_is(asked):
    model = net()
    dense = aim(model)
    to_target(model, aim(model, 0.5))
    further = Prune(method="WT", ratios=[0.82], steps=2)
    to_target(model, Aim(further, 0.82, dense.dense, dense.example, None, 0))
    assert [target for target, _ in asked] == pytest.approx([0.5, 0.7, 0.82], abs=1e-3)


def test_a_step_too_small_for_one_filter_is_left_to_the_next(asked):
    model = net()
    settings = {"method": "FT", "unit": "channels", "steps": 40, "prune_output_layer": False}
    wanted = aim(model, 0.5, **settings)
    to_target(model, wanted)
    assert len(asked) == 40
    assert wanted.here(model) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("steps", [1, 3])
def test_steps_that_remove_nothing_at_all_are_an_error(monkeypatch, steps):
    idle = prune.Method("weights", "nothing", lambda *_: prune.Pruned({}), "idle")
    monkeypatch.setitem(prune.METHODS, "WT", idle)
    model = net()
    with pytest.raises(InputError, match=r"params 0\.8: expected WT to remove something"):
        to_target(model, aim(model, steps=steps))
    pruning, _ = gradual(model)
    with pytest.raises(InputError, match=r"params 0\.8: expected WT to remove something"):
        pruned_at(pruning, model, 60)


@pytest.mark.parametrize("steps", [1, 3])
def test_a_ratio_that_is_reached_already_is_an_error(steps):
    model = net()
    dense = aim(model)
    to_target(model, dense)
    again = Prune(method="WT", ratios=[0.5], steps=steps)
    with pytest.raises(InputError, match=r"expected a ratio above the present 0\.8"):
        to_target(model, Aim(again, 0.5, dense.dense, dense.example, None, 0))


def gradual(model, length=60, start=0, **settings):
    wanted = aim(model, schedule="gradual", **{"steps": 5, **settings})
    return Gradual(model, wanted, start, length), wanted


def pruned_at(pruning, model, steps, start=0):
    """The steps at which it prunes."""
    return [step for step in range(start, steps) if pruning(step, model) is not None]


def test_gradual_pruning_follows_the_cubic_schedule(asked):
    model = net()
    pruning, wanted = gradual(model)
    assert pruned_at(pruning, model, 60) == [6, 12, 18, 24, 30]
    cubic = [0.8 - 0.8 * (1 - k / 5) ** 3 for k in range(1, 6)]
    assert [target for target, _ in asked] == pytest.approx(cubic)
    assert asked[-1][0] == 0.8
    assert wanted.here(model) == pytest.approx(0.8, abs=1 / 382)


@pytest.mark.parametrize(
    ("steps", "start", "until", "due"),
    [
        (60, 20, 0.5, [24, 28, 32, 36, 40]),
        (4, 0, 0.5, [0, 1, 2]),  # five rounds of 0.4 steps each
        (3, 0, 0.99, [1, 2]),
    ],
)
def test_rounds_fall_on_steps_of_the_training(steps, start, until, due):
    model = net()
    pruning, wanted = gradual(model, steps, start, until=until)
    assert pruned_at(pruning, model, steps, start) == due
    assert wanted.here(model) == pytest.approx(0.8, abs=1 / 382)


def test_what_gradual_pruning_removed_stays_removed_and_resumes(tmp_path):
    """Stopped in the middle of it, training goes on bit-equal, masks and all."""
    images = torch.randn(24, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(24) % 2
    settings = Train(epochs=5, batch_size=8, lr=0.1)

    def fit(**options):
        model = net()
        pruning, wanted = gradual(model, 15, steps=3)
        train.fit(model, images, labels, settings, seed=0, pruning=pruning, **options)
        return model, wanted

    def stop(step, steps, loss):
        if step == 7:
            raise KeyboardInterrupt

    whole, wanted = fit()
    assert wanted.here(whole) == pytest.approx(0.8, abs=1 / 382)
    resume = train.Resume(tmp_path / "state", steps=1, given="cubic")
    with pytest.raises(KeyboardInterrupt):
        fit(resume=resume, progress=stop)
    again, _ = fit(resume=resume)
    for one, other in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(InputError, match="expected the state of this training"):
        fit(resume=train.Resume(tmp_path / "state", given="another"))
