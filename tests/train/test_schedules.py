import math

import pytest

from sparseprune import train
from sparseprune.recipe import Train
from sparseprune.recipe.presets import PRESETS


def test_one_cycle_rises_linearly_then_falls_to_zero():
    settings = Train(lr=1.0, warmup=0.2)
    rates = [train.learning_rate(step, 10, settings) for step in range(11)]
    expected = [0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0]
    assert rates == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
@pytest.mark.parametrize("warmup", [0.0, 0.2, 0.5, 0.99])
def test_one_cycle_is_positive_and_at_most_lr_however_short(steps, warmup):
    settings = Train(lr=0.3, warmup=warmup)
    rates = [train.learning_rate(step, steps, settings) for step in range(steps)]
    assert all(0 < rate <= 0.3 for rate in rates)
    assert max(rates) == pytest.approx(0.3)


def test_constant_schedule():
    settings = Train(lr=0.3, schedule="constant")
    assert {train.learning_rate(step, 10, settings) for step in range(10)} == {0.3}


def reference(settings, step, per_epoch):
    """Section 3.2 read off the table: linear from 0, then the network's own course."""
    epoch, lr = step / per_epoch, settings["lr"]
    if step < settings["warmup_epochs"] * per_epoch:
        return lr * step / (settings["warmup_epochs"] * per_epoch)
    if settings["schedule"] == "poly":
        return lr * (1 - step / (settings["epochs"] * per_epoch)) ** 0.9
    for milestone in settings["milestones"]:
        lr *= settings["gamma"] if epoch >= milestone else 1
    return lr


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_follow_the_table_at_every_step(preset):
    settings, per_epoch = Train(preset=preset), 7
    steps = settings.epochs * per_epoch
    rates = [train.learning_rate(step, steps, settings) for step in range(steps)]
    assert rates == pytest.approx(
        [reference(PRESETS[preset], step, per_epoch) for step in range(steps)], rel=1e-12
    )


def test_resnet20_by_hand():
    settings = Train(preset="resnet20_cifar")
    steps = 182 * 352
    at = {0: 0, 352: 0.02, 5 * 352: 0.1, 91 * 352 - 1: 0.1, 91 * 352: 0.01, 136 * 352: 0.001}
    for step, rate in at.items():
        assert train.learning_rate(step, steps, settings) == pytest.approx(rate, abs=1e-12)


def test_warmup_moves_within_an_epoch():
    settings = Train(preset="resnet20_cifar")
    first = [train.learning_rate(step, 182 * 10, settings) for step in range(10)]
    assert first == pytest.approx([0.002 * step for step in range(10)])


def test_cosine_is_half_a_wave():
    settings = Train(schedule="cosine", lr=2.0, epochs=4)
    rates = [train.learning_rate(step, 8, settings) for step in range(9)]
    assert rates == pytest.approx([1 + math.cos(math.pi * step / 8) for step in range(9)])


def test_constant_after_warmup():
    settings = Train(schedule="constant", lr=1.0, epochs=2, warmup_epochs=0.5)
    rates = [train.learning_rate(step, 8, settings) for step in range(8)]
    assert rates == [0, 0.5, 1, 1, 1, 1, 1, 1]
