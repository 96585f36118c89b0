"""One step each: values in, new values out. The verbs and the stages of a run both call these."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from sparseprune import data, environment, exporter, models, prune, train
from sparseprune.convert import slim as slimming
from sparseprune.data import Dataset
from sparseprune.errors import InputError
from sparseprune.formats import checkpoint as checkpoints
from sparseprune.formats import mask
from sparseprune.formats.checkpoint import Checkpoint
from sparseprune.formats.mask import Masks
from sparseprune.recipe import Prune, Recipe, Train, parse
from sparseprune.records import Row

Progress = Callable[[float, str], None]


def silent(fraction: float, text: str) -> None:
    """A progress callback for those who do not look."""


def train_network(recipe: Recipe, seed: int, progress: Progress = silent) -> Checkpoint:
    """Train the recipe's network from scratch on its training pictures."""
    pictures, _ = data.load(recipe.data)
    torch.manual_seed(seed)
    spec = {
        "name": recipe.model.name,
        "options": recipe.model.options,
        "input_shape": [pictures.images.shape[3], *pictures.images.shape[1:3]],
        "classes": len(pictures.classes),
    }
    model = models.build(
        spec["name"], input_shape=spec["input_shape"], classes=spec["classes"], **spec["options"]
    )
    _fit(model, pictures, recipe.train, seed, None, progress)
    nonzero = _nonzero(model)
    meta = {
        "method": "dense",
        "form": "dense",
        "ratio": 0.0,
        "seed": seed,
        "nonzero": nonzero,
        "dense_nonzero": nonzero,
        "recipe": recipe.model_dump(mode="json"),
        "data": pictures.digest,
        "versions": environment.versions(),
    }
    return Checkpoint(spec, model.state_dict(), meta)


def prune_network(
    source: Checkpoint, recipe: Recipe, settings: Prune, target: float, progress: Progress = silent
) -> tuple[Checkpoint, Masks]:
    """Prune to ``target`` and retrain.

    Zeros of ``source`` stay zero, so the masks of successive steps only shrink.
    """
    pictures, _ = data.load(recipe.data)
    model = models.load(source)
    masks = prune.cycle(model, example(source), settings, target, mask.of_zeros(model))
    mask.apply(model, masks)
    _fit(model, pictures, recipe.retrain, source.meta["seed"], masks, progress)
    nonzero = _nonzero(model)
    meta = {
        **source.meta,
        "method": settings.method,
        "form": "sparse",
        "target_ratio": target,
        "ratio": 1 - nonzero / source.meta["dense_nonzero"],
        "unit": settings.unit,
        "coupling": settings.coupling if settings.method == "FT" else None,
        "nonzero": nonzero,
        "source": checkpoints.digest(source.state),
    }
    return Checkpoint(source.model, model.state_dict(), meta), masks


def slim_network(source: Checkpoint, round_to: int) -> Checkpoint:
    """Take dead channels out of the tensors for real.

    Raises:
        InputError: there is none to take out, as in a network pruned by single weights.
    """
    slimmed = slimming(models.load(source), example(source), round_to=round_to)
    before, after = slimmed.record["params"]
    if after == before:
        raise InputError(
            "expected a network with dead channels (pruned by FT), found none to take out; "
            "export it as it is, its zeros run sparse"
        )
    record = {**slimmed.record, "coupling": source.meta.get("coupling")}
    meta = {
        **source.meta,
        "form": "slim",
        "round_to": round_to,
        "slim": record,
        "source": checkpoints.digest(source.state),
    }
    return Checkpoint(source.model, slimmed.model.state_dict(), meta)


def export_network(source: Checkpoint, path: Path) -> Row:
    """Write the ONNX file to deploy, with its provenance, and return what parity was found."""
    meta = source.meta
    provenance = {key: meta[key] for key in _PROVENANCE if meta.get(key) is not None}
    provenance["source"] = checkpoints.digest(source.state)
    model = models.load(source)
    _, test = data.load(recipe_of(source).data)
    inputs = torch.from_numpy(data.normalise(test.images[:_PARITY_IMAGES], test))
    return exporter.export(model, path, example_inputs=inputs, provenance=provenance)


# Enough pictures for the parity check to meet every class several times; 0.1 s on one core.
_PARITY_IMAGES = 128
_PROVENANCE = (
    *("method", "form", "target_ratio", "ratio", "unit", "coupling", "round_to", "seed"),
    *("data", "versions", "recipe"),
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


def _fit(
    model: torch.nn.Module,
    pictures: Dataset,
    settings: Train,
    seed: int,
    masks: Masks | None,
    progress: Progress,
) -> None:
    inputs = torch.from_numpy(data.normalise(pictures.images, pictures))
    train.fit(
        model,
        inputs,
        torch.from_numpy(pictures.labels),
        settings,
        seed=seed,
        masks=masks,
        progress=lambda step, steps, loss: progress(step / steps, f"loss {loss:.3f}"),
    )


def _nonzero(model: torch.nn.Module) -> int:
    return sum(int(parameter.count_nonzero()) for parameter in model.parameters())


def describe(source: Checkpoint) -> dict[str, Any]:
    """What a verb prints of a checkpoint."""
    keys = ("method", "form", "target_ratio", "ratio", "unit", "coupling", "round_to", "nonzero")
    return {key: source.meta[key] for key in keys if source.meta.get(key) is not None}
