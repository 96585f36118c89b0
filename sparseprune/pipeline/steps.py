"""One step each: values in, new values out. The verbs and the stages of a run both call these."""

import functools
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from sparseprune import data, environment, evaluate, exporter, models, prune, records
from sparseprune.convert import slim as slimming
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
    "export_network",
    "forget",
    "held_out",
    "network",
    "pictures",
    "prune_network",
    "quality",
    "recipe_of",
    "require_smaller",
    "silent",
    "slim_network",
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
    dense = _counts(source, "dense")
    seed, method = source.meta["seed"], prune.METHODS[settings.method]
    evidence = held_out(model, example(source), splits(recipe.data), settings, recipe.retrain, seed)
    aim = Aim(settings, target, dense, example(source), evidence, seed)
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
    masks = mask.of_zeros(model) if gradual else masks
    counts = prune.counts(model, example(source))
    meta = {
        **source.meta,
        "method": settings.method,
        "form": "sparse",
        "target_ratio": target,
        "ratio": prune.ratio(counts, dense, "params"),
        "counts": asdict(counts),
        "unit": settings.unit,
        "coupling": settings.coupling if method.removes == "filters" else None,
        "cycles": source.meta.get("cycles", 0) + 1,
        "pruning": settings.model_dump(mode="json"),
        "losses": losses,
        "recipe": recipe.model_dump(mode="json"),
        "source": checkpoints.digest(source.state),
    }
    return Checkpoint(source.model, model.state_dict(), meta), masks


def slim_network(source: Checkpoint, round_to: int) -> Checkpoint:
    """Take dead channels out of the tensors for real."""
    coupling = source.meta.get("coupling") or "none"
    slimmed = slimming(models.load(source), example(source), round_to=round_to, coupling=coupling)
    meta = {
        **source.meta,
        "form": "slim",
        "round_to": round_to,
        "slim": slimmed.record,
        "source": checkpoints.digest(source.state),
    }
    return Checkpoint(source.model, slimmed.model.state_dict(), meta)


def require_smaller(slimmed: Checkpoint, name: str) -> None:
    """Raise unless slimming took something out of the checkpoint called ``name``.

    Raises:
        InputError: there was nothing to take out, as in a network pruned by single weights.
    """
    before, after = slimmed.meta["slim"]["params"]
    if after == before:
        raise InputError(
            f"{name}: expected a network with dead channels (pruned by FT), found none to take "
            "out; export it as it is, its zeros run sparse"
        )


def export_network(
    source: Checkpoint,
    path: Path,
    provider: str = "auto",
    tune: float | str = 0,
    example_inputs: Any = None,
    **form: Any,
) -> Row:
    """Write the ONNX file to deploy, with its provenance, and return what parity was found.

    Without ``example_inputs`` test pictures of the recipe are shown; ``form`` are the other options
    of ``exporter.export``.
    """
    meta = source.meta
    provenance = {key: meta[key] for key in _PROVENANCE if meta.get(key) is not None}
    # "versions" are those of the exporting tools; the training may have seen others.
    provenance["training_versions"] = meta.get("versions")
    provenance["source"] = checkpoints.digest(source.state)
    model = models.load(source)
    if example_inputs is None:
        _, test = pictures(recipe_of(source).data)
        pixels = math.prod(test.images.shape[1:3])
        count = max(2, min(_PARITY_IMAGES, _PARITY_PIXELS // pixels))
        example_inputs = data.normalise(test.images[:count], test)
    return exporter.export(
        model,
        path,
        example_inputs=example_inputs,
        provenance=provenance,
        provider=provider,
        tune=tune,
        **form,
    )


# Enough pictures for the parity check to meet every class several times; 0.1 s on one core.
_PARITY_IMAGES = 128
# Of larger pictures than 128 x 128 fewer: a gigabyte of them would show nothing more.
_PARITY_PIXELS = 1 << 21
_PROVENANCE = (
    *("method", "form", "target_ratio", "ratio", "unit", "coupling", "round_to", "seed"),
    *("data", "recipe"),
)


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
        "params": sum(tensor.numel() for tensor in _parameters(source)),
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


def _parameters(source: Checkpoint) -> list[torch.Tensor]:
    return list(models.load(source).parameters())
