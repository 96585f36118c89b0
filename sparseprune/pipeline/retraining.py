"""Retraining: from which weights, by which schedule, and whom to learn from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from sparseprune import models, train
from sparseprune.data import Dataset
from sparseprune.errors import InputError
from sparseprune.formats.checkpoint import Checkpoint
from sparseprune.formats.mask import Masks
from sparseprune.pipeline.fitting import Extra, fit
from sparseprune.pipeline.schedule import Progress
from sparseprune.recipe import Recipe
from sparseprune.train.batches import spans

#: Made for (first step, number of steps) once both are known.
Prunes = Callable[[int, int], train.Pruning]


@dataclass(frozen=True)
class Around:
    """What lies around a network that is trained.

    Attributes:
        parent: the dense network, to learn from; needed where ``retrain.distill`` is set.
        early: file of the dense network's early weights: a training writes them, a retraining
            rewinds to them; needed where ``retrain.mode`` is rewind_weights.
        state: file that keeps the state of the training; see ``fitting.forget``.
    """

    parent: Checkpoint | None = None
    early: Path | None = None
    state: Path | None = None


ALONE = Around()


def early_step(recipe: Recipe, images: int) -> int:
    """The step of the training that retraining goes back to: at most its last."""
    each = len(spans(images, recipe.train.batch_size))
    return min(round(recipe.retrain.rewind * each), recipe.train.epochs * each - 1)


def keep_early(
    model: torch.nn.Module, recipe: Recipe, images: int, around: Around
) -> train.Progress | None:
    """What to watch a training with, if its early weights will be wanted."""
    if around.early is None or recipe.retrain.mode != "rewind_weights":
        return None
    return train.restart.EarlyWeights(model, early_step(recipe, images), around.early)


def retrain(
    model: torch.nn.Module,
    learn: Dataset,
    recipe: Recipe,
    seed: int,
    progress: Progress,
    around: Around,
    masks: Masks | None = None,
    prunes: Prunes | None = None,
    given: str = "",
) -> list[float]:
    """Train a pruned network again as ``recipe.retrain`` says; the mean loss of each epoch.

    Raises:
        InputError: the parent or the early weights are needed and missing, or are of another
            network.
    """
    settings, images = recipe.retrain, len(learn.labels)
    plan = train.restart.plan(
        settings.mode, recipe.train, settings, images=images, rewind=early_step(recipe, images)
    )
    if settings.mode == "rewind_weights":
        train.restart.rewind(model, _early(around), masks or {})
    steps = plan.settings.epochs * len(spans(images, plan.settings.batch_size))
    extra = Extra(
        start=plan.start,
        masks=masks,
        pruning=prunes(plan.start, steps) if prunes else None,
        given=given,
        parent=_parent(recipe, around),
        state=around.state,
    )
    return fit(model, learn, plan.settings, seed, progress, extra)


def _early(around: Around) -> Path:
    if around.early is None or not around.early.exists():
        raise InputError(
            f"retrain.mode rewind_weights: expected the dense network's early weights"
            f"{f' in {around.early}' if around.early else ''}, found none; train it with "
            "retrain.mode rewind_weights and the same retrain.rewind"
        )
    return around.early


def _parent(recipe: Recipe, around: Around) -> torch.nn.Module | None:
    if recipe.retrain.distill is None:
        return None
    if around.parent is None:
        raise InputError(
            "retrain.distill: expected the dense network to learn from, got none; give its "
            "checkpoint as the parent"
        )
    return models.load(around.parent)
