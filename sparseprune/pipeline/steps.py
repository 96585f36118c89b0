"""One step each: values in, new values out. The verbs and the stages of a run both call these."""

import functools
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from sparseprune import data, environment, evaluate, models, prune, records
from sparseprune.data import Dataset, shifts
from sparseprune.errors import InputError
from sparseprune.evaluate import Pair
from sparseprune.formats import checkpoint as checkpoints
from sparseprune.formats import mask
from sparseprune.formats.checkpoint import Checkpoint
from sparseprune.formats.mask import Masks
from sparseprune.pipeline.fitting import Extra, fit, forget
from sparseprune.pipeline.pruning import Aim, Gradual, held_out, to_target
from sparseprune.pipeline.retraining import ALONE, Around, keep_early, retrain
from sparseprune.pipeline.schedule import Progress
from sparseprune.recipe import Data, Prune, Recipe, parse
from sparseprune.records import Row
from sparseprune.runtime import TorchRunner

__all__ = [
    "Around",
    "describe",
    "example",
    "forget",
    "held_out",
    "network",
    "pictures",
    "prune_network",
    "quality",
    "recipe_of",
    "silent",
    "splits",
    "train_network",
]

# Small networks train no faster on two threads than on one (measured: 2.2 s an epoch of 10 000
# pictures either way). One thread also makes results independent of how many cores there are, and
# the same whether a verb or a run makes them.
torch.set_num_threads(1)


@functools.lru_cache(maxsize=1)
def splits(settings: Data) -> data.Splits:
    """All pictures of a recipe, unpacked once per process."""
    return data.splits(settings)


def pictures(settings: Data) -> tuple[Dataset, Dataset]:
    """Training and test pictures."""
    found = splits(settings)
    return found.train, found.test


def silent(fraction: float, text: str) -> None:
    """A progress callback for those who do not look."""


def train_network(
    recipe: Recipe, seed: int, progress: Progress = silent, around: Around = ALONE
) -> Checkpoint:
    """Train the recipe's network from scratch on its training pictures.

    Early weights are written where ``around`` says, if the recipe's retraining will want them.
    """
    learn, _ = pictures(recipe.data)
    torch.manual_seed(seed)
    model, spec = network(recipe, learn)
    watch = keep_early(model, recipe, len(learn.labels), around)
    extra = Extra(state=around.state, watch=watch)
    losses = fit(model, learn, recipe.train, seed, progress, extra)
    counts = asdict(prune.counts(model, torch.zeros(2, *spec["input_shape"])))
    meta = {
        "method": "dense",
        "form": "dense",
        "ratio": 0.0,
        "seed": seed,
        "dense": counts,
        "counts": counts,
        "losses": losses,
        "recipe": recipe.model_dump(mode="json"),
        "data": learn.digest,
        "versions": environment.versions(),
    }
    return Checkpoint(spec, model.state_dict(), meta)


def network(recipe: Recipe, learn: Dataset) -> tuple[torch.nn.Module, dict[str, Any]]:
    """The recipe's untrained network for these pictures, and what rebuilds it."""
    rows, columns, channels = learn.images.shape[1:]
    name, options = recipe.model.name, recipe.model.options
    shape, classes = (channels, rows, columns), len(learn.classes)
    model = models.create(name, options, input_shape=shape, classes=classes)
    spec = {"name": name, "options": options, "input_shape": list(shape), "classes": classes}
    return model, spec


def prune_network(
    source: Checkpoint,
    recipe: Recipe,
    settings: Prune,
    target: float,
    progress: Progress = silent,
    around: Around = ALONE,
) -> tuple[Checkpoint, Masks]:
    """Prune to ``target`` and retrain, or with a gradual schedule prune while retraining.

    Zeros of ``source`` stay zero, so the masks of successive steps only shrink.
    """
    learn, _ = pictures(recipe.data)
    if source.meta.get("form") == "slim":
        raise InputError(
            "expected a network with all its channels, got a slimmed one; "
            "prune the checkpoint it was slimmed from"
        )
    model = models.load(source)
    seed, method = source.meta["seed"], prune.METHODS[settings.method]
    evidence = held_out(model, example(source), splits(recipe.data), settings, recipe.retrain, seed)
    aim = Aim(settings, target, _counts(source, "dense"), example(source), evidence, seed)
    gradual = settings.schedule == "gradual"
    if not gradual:
        to_target(model, aim)
    masks = mask.of_zeros(model)
    losses = retrain(
        model,
        learn,
        recipe,
        seed,
        progress,
        around,
        masks,
        functools.partial(Gradual, model, aim) if gradual else None,
        f"{settings.model_dump_json()} {target}",
    )
    meta = {
        "method": settings.method,
        "form": "sparse",
        "target_ratio": target,
        "unit": settings.unit,
        "coupling": settings.coupling if method.removes == "filters" else None,
        "pruning": settings.model_dump(mode="json"),
    }
    made = descendant(source, model, recipe, losses, meta)
    return made, mask.of_zeros(model) if gradual else masks


def descendant(
    source: Checkpoint,
    model: torch.nn.Module,
    recipe: Recipe,
    losses: list[float],
    meta: Mapping[str, Any],
) -> Checkpoint:
    """The network of ``source`` after one more cycle of retraining, about which ``meta`` is new."""
    counts = prune.counts(model, example(source))
    found = {
        **source.meta,
        **meta,
        "ratio": prune.ratio(counts, _counts(source, "dense"), "params"),
        "counts": asdict(counts),
        "cycles": source.meta.get("cycles", 0) + 1,
        "losses": losses,
        "recipe": recipe.model_dump(mode="json"),
        "source": checkpoints.digest(source.state),
    }
    return Checkpoint(source.model, model.state_dict(), found)


def recipe_of(source: Checkpoint, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe a checkpoint was made with, ``overrides`` laid over it."""
    if "recipe" not in source.meta:
        raise InputError(
            "expected a checkpoint made by 'sparseprune train' or 'prune', found no recipe in it"
        )
    return parse(source.meta["recipe"], "the checkpoint's recipe", overrides)


def example(source: Checkpoint) -> torch.Tensor:
    """A batch of two zeros of the network's input shape, for tracing."""
    return torch.zeros(2, *source.model["input_shape"])


def quality(source: Checkpoint) -> tuple[str, float]:
    """Which of ``records.QUALITIES`` a checkpoint is judged by, and it on the recipe's test set."""
    _, test = pictures(recipe_of(source).data)
    runner = TorchRunner(models.load(source), name="checkpoint")
    clean = shifts.Shift("clean", 0, lambda: shifts.normalised(test.images, test), held=False)
    (row,) = evaluate.run([clean], test.labels, {"checkpoint": Pair(runner)})
    return records.quality(row), float(records.score(row))


def describe(source: Checkpoint) -> Row:
    """What there is to say of a checkpoint: fields of its ``network`` row."""
    keys = ("method", "form", "target_ratio", "ratio", "unit", "coupling", "round_to", "cycles")
    found = {key: source.meta.get(key) for key in keys}
    dense, counts = _counts(source, "dense"), _counts(source, "counts")
    slimmed = source.meta.get("slim", {})
    return {
        **found,
        "params": sum(tensor.numel() for tensor in models.load(source).parameters()),
        "nonzero": counts.params,
        "flops_ratio": prune.ratio(counts, dense, "flops"),
        "rule": slimmed.get("rule"),
        "channels": slimmed.get("channels"),
    }


def _counts(source: Checkpoint, key: str) -> prune.Counts:
    """Counts that ``train_network`` or ``prune_network`` wrote down."""
    try:
        return prune.Counts(**source.meta[key])
    except (KeyError, TypeError):
        raise InputError(
            f"expected a checkpoint made by 'sparseprune train' or 'prune', found no "
            f"{key!r} counts in its metadata; make it again"
        ) from None
