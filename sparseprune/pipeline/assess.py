"""Questions about deployed files: how good are they, does the speed-up hide a loss."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparseprune import evaluate, recipe
from sparseprune.data.shifts import shifts
from sparseprune.errors import InputError
from sparseprune.evaluate import Pair
from sparseprune.pipeline import steps
from sparseprune.pipeline.schedule import Progress, counted
from sparseprune.recipe import Recipe
from sparseprune.records import Row
from sparseprune.runtime import OnnxRunner, Runner

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
