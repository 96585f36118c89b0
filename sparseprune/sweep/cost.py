"""What a stage takes: pictures shown, arithmetic, and seconds once stages like it have run."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch

from sparseprune import prune
from sparseprune.data import Dataset
from sparseprune.pipeline import controls, steps
from sparseprune.pipeline.networks import Network, networks
from sparseprune.recipe import Recipe

# Backward passes compute the gradient by the weights and by the inputs: two products of the size
# of the forward one.
_TRAINING = 3


@dataclass(frozen=True)
class Cost:
    """Pictures shown to a network, and multiply-accumulates of dense arithmetic."""

    images: int = 0
    macs: int = 0


@dataclass(frozen=True)
class Scale:
    """Sizes everything is a multiple of: pictures, and multiply-accumulates of one of them."""

    learn: int
    test: int
    macs: int


def scale(recipe: Recipe, learn: Dataset, test: Dataset) -> Scale:
    """The sizes of a recipe's data and dense network."""
    model, spec = steps.network(recipe, learn)
    macs = prune.counts(model, torch.zeros(2, *spec["input_shape"])).flops
    return Scale(len(learn.labels), len(test.labels), macs)


def cost(task: str, recipe: Recipe, network: Network | None, scale: Scale) -> Cost:
    """An estimate from above: masked weights are multiplied like others while training."""
    kind = task.partition(" ")[0]
    if kind in ("train", "prune") and network is not None:
        return _training(recipe, network, scale)
    if kind == "evaluate":
        shown = sum(1 + it.has_twin for it in networks(recipe))
        return Cost(shown * scale.test, shown * scale.test * scale.macs)
    noise = recipe.evaluate.noise_similarity
    if kind == "noise" and noise:
        images = len(networks(recipe)) * min(noise.pictures, scale.test) * noise.draws
        return Cost(images, images * scale.macs)
    return Cost()


def _training(recipe: Recipe, network: Network, scale: Scale) -> Cost:
    again, macs, passes = recipe.retrain, scale.macs, _TRAINING
    epochs: float = recipe.train.epochs
    if network.control == "small":
        epochs = controls.stretched(recipe, network.cycles).epochs
        macs = round((1 - network.target) * macs)
    elif network.source is not None:
        epochs = epochs - again.rewind if again.rewinds else again.epochs
        passes += again.distill is not None  # the parent's answers
    images = round(epochs * scale.learn)
    return Cost(images, images * passes * macs)


@dataclass(frozen=True)
class Finished:
    """A stage that was made before: its kind, what it took by ``cost``, and in seconds."""

    kind: str
    cost: Cost
    seconds: float


def seconds(wanted: Iterable[tuple[str, Cost]], finished: Iterable[Finished]) -> list[float | None]:
    """How long stages will take, one worker each; None where none of that kind has run yet.

    By arithmetic where there is any, else by the average stage of the kind. Retraining goes at the
    pace of training.
    """
    known: Mapping[str, list[Finished]] = defaultdict(list)
    for stage in finished:
        known[_pace(stage.kind)].append(stage)
    return [_estimate(cost, known[_pace(kind)]) for kind, cost in wanted]


def _pace(kind: str) -> str:
    return "train" if kind == "prune" else kind


def _estimate(cost: Cost, alike: list[Finished]) -> float | None:
    if not alike:
        return None
    total, macs = sum(it.seconds for it in alike), sum(it.cost.macs for it in alike)
    return total * cost.macs / macs if macs else total / len(alike)
