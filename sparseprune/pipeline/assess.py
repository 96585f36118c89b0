"""Questions about deployed files: how good are they, does the speed-up hide a loss, how fast."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparseprune import data, evaluate, measure, recipe
from sparseprune.data.shifts import shifts
from sparseprune.errors import InputError
from sparseprune.evaluate import Pair
from sparseprune.pipeline.schedule import Progress
from sparseprune.recipe import Measure, Recipe
from sparseprune.records import Row
from sparseprune.runtime import OnnxRunner, Runner, load

MODEL, PARENT = "model", "parent"


def settings(model: OnnxRunner, given: Path | None, overrides: Mapping[str, Any]) -> Recipe:
    """The recipe to evaluate with: a file's, or the one in the model's provenance.

    Raises:
        InputError: the model carries none and none was given.
    """
    if given is not None:
        return recipe.load(given, overrides)
    text = model.session.get_modelmeta().custom_metadata_map.get("sparseprune.recipe")
    if text is None:
        raise InputError(
            f"{model.name}: expected a file made by 'sparseprune export', found no recipe in its "
            "metadata; say which data to evaluate on with --recipe"
        )
    return recipe.parse(json.loads(text), f"{model.name}: its recipe", overrides)


def evaluate_file(
    model: OnnxRunner,
    twin: Runner | None,
    parent: Runner | None,
    settings: Recipe,
    progress: Progress,
) -> list[Row]:
    """``evaluation`` rows of a model; with a twin also ``hidden_loss`` rows and the verdict."""
    _, test = data.load(settings.data)
    networks = {MODEL: Pair(model, twin)}
    if parent is not None:
        networks[PARENT] = Pair(parent)
    return evaluate.run(
        shifts(test, settings.evaluate, seed=settings.seed),
        test.labels,
        networks,
        parent=PARENT if parent is not None else None,
        progress=lambda done, total, text: progress(done / total, text),
    )


def time_files(
    paths: Mapping[str, Path], baseline: str, settings: Measure, progress: Progress
) -> list[Row]:
    """``latency`` rows of ONNX files, timed in turns with the ``baseline`` among them."""
    runners = {id: load(path, threads=settings.threads) for id, path in paths.items()}
    return measure.latency(runners, baseline, settings, progress=progress)
