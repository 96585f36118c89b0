"""The learning rate of each step."""

import math

from sparseprune.recipe import Train


def learning_rate(step: int, steps: int, settings: Train) -> float:
    """Learning rate of ``step`` (from 0) out of ``steps``; it changes with every step.

    ``one_cycle`` rises linearly from ``lr / warm`` to ``lr`` over the first
    ``warm = round(warmup * steps)`` steps, then falls linearly; the step after the last has 0.

    The others (paper section 3.2) rise linearly from 0, the rate of step 0, to their own course,
    which they meet after ``warmup_epochs``. That course counts from step 0 too, so milestones are
    epochs of the whole training.
    """
    if settings.schedule == "one_cycle":
        return _one_cycle(step, steps, settings)
    epoch = step * settings.epochs / steps
    if epoch < settings.warmup_epochs:
        return settings.lr * epoch / settings.warmup_epochs
    return settings.lr * _course(epoch, settings)


def _one_cycle(step: int, steps: int, settings: Train) -> float:
    warm = round(settings.warmup * steps)
    if step < warm:
        return settings.lr * (step + 1) / warm
    return settings.lr * (steps - step) / (steps - warm)


def _course(epoch: float, settings: Train) -> float:
    """Factor of ``lr`` at ``epoch``, a fraction of which has passed."""
    done = epoch / settings.epochs
    if settings.schedule == "multi_step":
        passed = sum(milestone <= epoch for milestone in settings.milestones)
        return float(settings.gamma**passed)
    if settings.schedule == "poly":
        return float((1 - done) ** settings.power)
    if settings.schedule == "cosine":
        return (1 + math.cos(math.pi * done)) / 2
    return 1.0
