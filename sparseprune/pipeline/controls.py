"""Dense networks that pruned ones are compared with: trained on, or small from the start."""

import math
from bisect import bisect_left
from collections.abc import Callable

import torch

from sparseprune import models, prune
from sparseprune.data import Dataset
from sparseprune.errors import InputError
from sparseprune.formats.checkpoint import Checkpoint
from sparseprune.pipeline import steps
from sparseprune.pipeline.retraining import ALONE, Around, retrain
from sparseprune.pipeline.schedule import Progress
from sparseprune.recipe import Model, Recipe, Train


def extend_network(
    source: Checkpoint,
    recipe: Recipe,
    progress: Progress = steps.silent,
    around: Around = ALONE,
) -> Checkpoint:
    """One cycle of retraining with nothing removed: the study's FakeNet."""
    learn, _ = steps.pictures(recipe.data)
    model = models.load(source)
    losses = retrain(model, learn, recipe, source.meta["seed"], progress, around)
    return steps.descendant(source, model, recipe, losses, {"method": "extended"})


def small_network(
    parent: Checkpoint,
    recipe: Recipe,
    target: float,
    unit: str,
    cycles: int,
    progress: Progress = steps.silent,
    around: Around = ALONE,
) -> Checkpoint:
    """A dense network as large as ``parent`` pruned to ``target``, trained as long from scratch.

    As long means the epochs of the training and of ``cycles`` retrainings in one course, its
    milestones stretched in proportion (Liu et al. 2019, "scratch-B").
    """
    learn, _ = steps.pictures(recipe.data)
    narrow = {
        "model": narrowed(recipe, learn, target, unit),
        "train": stretched(recipe, cycles),
    }
    trained = steps.train_network(
        recipe.model_copy(update=narrow), parent.meta["seed"], progress, around
    )
    dense = parent.meta["dense"]
    left = prune.Counts(**trained.meta["counts"])
    meta = {
        **trained.meta,
        "method": "small",
        "target_ratio": target,
        "unit": unit,
        "cycles": cycles,
        "dense": dense,
        "ratio": prune.ratio(left, prune.Counts(**dense), "params"),
    }
    return Checkpoint(trained.model, trained.state, meta)


def narrowed(recipe: Recipe, learn: Dataset, target: float, unit: str) -> Model:
    """The recipe's model with that many channels which come nearest to 1 - ``target`` of its size.

    Raises:
        InputError: the architecture has no option that scales its channels.
    """
    name, options = recipe.model.name, recipe.model.options
    option, full = models.width(name, options)

    def variant(width: int) -> Model:
        return Model(name=name, options={**options, option: width})

    def build(width: int) -> torch.nn.Module:
        model, _ = steps.network(recipe.model_copy(update={"model": variant(width)}), learn)
        return model

    _, spec = steps.network(recipe, learn)
    example = torch.zeros(2, *spec["input_shape"])

    def size(width: int) -> int:
        return _size(build(width), example, unit)

    wanted = (1 - target) * size(full)
    return variant(_nearest(_possible(name, build, full), size, wanted))


def stretched(recipe: Recipe, cycles: int) -> Train:
    """The training, as long as it and ``cycles`` retrainings together."""
    train, again = recipe.train, recipe.retrain
    each = train.epochs - again.rewind if again.rewinds else again.epochs
    epochs = math.ceil(train.epochs + cycles * each)
    factor = epochs / train.epochs
    milestones = [factor * milestone for milestone in train.milestones]
    return train.model_copy(update={"epochs": epochs, "milestones": milestones})


def _possible(name: str, build: Callable[[int], torch.nn.Module], full: int) -> list[int]:
    """Widths the architecture can have, such as those that attention heads can share."""
    # Shapes alone are asked for, and meta tensors cost no memory; a user's code may need numbers.
    with torch.device("cpu" if models.own.is_path(name) else "meta"):
        return [width for width in range(1, full + 1) if _builds(build, width)]


def _builds(build: Callable[[int], torch.nn.Module], width: int) -> bool:
    try:
        build(width)
    except InputError:
        return False
    return True


def _nearest(widths: list[int], size: Callable[[int], int], wanted: float) -> int:
    """The width whose size is nearest; sizes rise with widths."""
    above = min(bisect_left(widths, wanted, key=size), len(widths) - 1)
    return min(widths[max(0, above - 1) : above + 1], key=lambda it: abs(size(it) - wanted))


def _size(model: torch.nn.Module, example: torch.Tensor, unit: str) -> int:
    """Of a network that has not been trained: biases that are still zero count too."""
    if unit == "params":
        return sum(parameter.numel() for parameter in model.parameters())
    found: int = getattr(prune.counts(model, example), unit)
    return found
