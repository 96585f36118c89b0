"""The stages that show noise to every network, where the recipe asks for them (paper 1.8)."""

import zlib
from functools import partial

import numpy as np

from sparseprune import records
from sparseprune.data import Dataset, normalise
from sparseprune.errors import InputError
from sparseprune.evaluate import noise
from sparseprune.pipeline import steps
from sparseprune.pipeline.deployed import deployed
from sparseprune.pipeline.folder import RunFolder
from sparseprune.pipeline.networks import PARENT, networks
from sparseprune.pipeline.schedule import Progress, Task, counted
from sparseprune.recipe import NoiseSimilarity, Recipe


def tasks(folder: RunFolder, recipe: Recipe, after: tuple[str, ...]) -> list[Task]:
    """A stage for each width; none where the recipe does not ask for noise."""
    asked = recipe.evaluate.noise_similarity
    if asked is None:
        return []
    return [
        Task(
            f"noise {width:g}",
            partial(show, folder, recipe, asked, index),
            (folder.records(f"noise-{index:02}"),),
            after,
        )
        for index, width in enumerate(asked.widths)
    ]


def check(recipe: Recipe, test: Dataset) -> None:
    """Raise unless what is asked for can be measured.

    Raises:
        InputError: pictures do not have one class each.
    """
    if recipe.evaluate.noise_similarity and test.labels.ndim != 1:
        raise InputError(
            f"evaluate.noise_similarity: expected pictures of one class each, got those of "
            f"{recipe.data.name}; leave it out"
        )


def show(
    folder: RunFolder, recipe: Recipe, asked: NoiseSimilarity, index: int, progress: Progress
) -> None:
    """Show noise of one width to every network as deployed."""
    _, test = steps.pictures(recipe.data)
    assert isinstance(test.labels, np.ndarray)
    generator = np.random.default_rng([recipe.seed, zlib.crc32(b"noise similarity")])
    chosen = np.sort(generator.permutation(len(test.labels))[: asked.pictures])
    rows = noise.compare(
        normalise(test.images[chosen], test),
        test.labels[chosen],
        {network.id: deployed(folder, network) for network in networks(recipe)},
        PARENT,
        widths=[asked.widths[index]],
        draws=asked.draws,
        seed=recipe.seed,
        progress=counted(progress),
    )
    records.write(folder.records(f"noise-{index:02}"), rows)
