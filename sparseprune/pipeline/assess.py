"""Questions about deployed files: how good are they, does the speed-up hide a loss, how fast."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sparseprune import evaluate, measure, recipe
from sparseprune.data.shifts import shifts
from sparseprune.errors import InputError
from sparseprune.evaluate import Pair
from sparseprune.pipeline import steps
from sparseprune.pipeline.schedule import Progress, counted
from sparseprune.recipe import Measure, Recipe
from sparseprune.records import Row
from sparseprune.runtime import OnnxRunner, Runner

Batch = npt.NDArray[np.float32]
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
    try:
        document = json.loads(text)
    except json.JSONDecodeError:
        document = text
    return recipe.parse(document, f"{model.name}: its recipe", overrides)


def evaluate_file(
    model: OnnxRunner,
    twin: Runner | None,
    parent: Runner | None,
    settings: Recipe,
    progress: Progress,
) -> list[Row]:
    """``evaluation`` rows of a model; with a twin also ``hidden_loss`` rows and the verdict."""
    _, test = steps.pictures(settings.data)
    networks = {MODEL: Pair(model, twin)}
    if parent is not None:
        networks[PARENT] = Pair(parent)
    return evaluate.run(
        shifts(test, settings.evaluate, seed=settings.seed),
        test.labels,
        networks,
        parent=PARENT if parent is not None else None,
        progress=counted(progress),
    )


def named(paths: Sequence[Path]) -> dict[str, Path]:
    """Paths by file name, or by path where two files share a name; each file once."""
    unique = list(dict.fromkeys(paths))
    names = [path.name for path in unique]
    return {path.name if names.count(path.name) == 1 else str(path): path for path in unique}


def time_files(
    paths: Mapping[str, Path],
    baseline: str,
    settings: Measure,
    progress: Progress,
) -> list[Row]:
    """``latency`` rows of ONNX files, timed in turns with the ``baseline`` among them.

    They see seeded noise: the time of a network does not depend on its pictures.
    """
    runners = {id: OnnxRunner(path, threads=settings.threads) for id, path in paths.items()}
    return measure.latency(
        runners,
        baseline,
        _noise(runners[baseline], settings.batch),
        settings,
        progress=counted(progress),
    )


def _noise(runner: OnnxRunner, count: int) -> Batch:
    _, *shape = runner.session.get_inputs()[0].shape
    if not all(isinstance(side, int) for side in shape):
        raise InputError(
            f"{runner.name}: expected an input of fixed size but for the batch, got {shape}; "
            "export it with a fixed picture size"
        )
    return np.random.default_rng(0).standard_normal((count, *shape), dtype=np.float32)
