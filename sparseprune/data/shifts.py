"""The distributions a network is evaluated on: clean, corrupted, noisy, and published ones.

Source: the study's section on data sets and shifts (19 corruptions at one severity) and on noise
similarity (uniform noise added after normalisation, never clipped, the same for all models).
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sparseprune import recipe
from sparseprune.data import corruptions, published
from sparseprune.data.corrupted import variants
from sparseprune.data.corruptions.textures import OWN_TEXTURES_NOTE, textures
from sparseprune.data.dataset import Dataset, HasStatistics, Labels, normalise
from sparseprune.data.masks import Masks
from sparseprune.data.pictures import Pictures, in_memory, pieces
from sparseprune.errors import InputError

Batch = NDArray[np.float32]


@dataclass(frozen=True)
class Shift:
    """One distribution. Holds how to make its pictures, not the pictures.

    ``severity`` is 0 where none applies; ``note`` says what a report must mention, if anything.
    ``labels`` are the pictures' own, or None where they are the test split's. ``make`` starts the
    batches anew; ``held`` says that they fit in memory together.
    """

    name: str
    severity: int
    make: Callable[[], Iterator[Batch]]
    note: str = ""
    labels: Labels | Masks | None = None
    held: bool = True

    def batches(self) -> Iterable[Batch]:
        """All pictures, normalised, float32 [n, C, H, W]; may be gone through many times.

        Pictures that fit in memory are made once, others every time.
        """
        return list(self.make()) if self.held else _Anew(self.make)

    def batch(self) -> Batch:
        """All pictures at once, float32 [N, C, H, W]; same every time."""
        made = list(self.make())
        return made[0] if len(made) == 1 else np.concatenate(made)


@dataclass(frozen=True)
class _Anew:
    """An iterable that starts from the beginning each time."""

    make: Callable[[], Iterator[Batch]]

    def __iter__(self) -> Iterator[Batch]:
        return self.make()


def shifts(test: Dataset, settings: recipe.Evaluate, *, seed: int) -> list[Shift]:
    """Clean first, then the corruptions, published sets, and uniform noise (if above 0).

    Corruptions come in the order of ``corruptions.NAMES``, or of the settings' list; published
    sets are those whose folder ``settings.published`` names.

    Raises:
        InputError: an unknown or repeated corruption, pictures under 16 pixels, a folder of
            frost textures that lacks one, or a published set that is missing or of other classes.
    """
    names = corruptions.NAMES if settings.corruptions == "all" else tuple(settings.corruptions)
    names = names if settings.generated else ()
    _check(names, test, settings)
    held = in_memory(test.images)
    result = [Shift("clean", 0, partial(normalised, test.images, test), held=held)]
    result += [_corrupted(test, name, settings, seed) for name in names]
    result += [
        Shift(
            found.name,
            found.severity,
            partial(normalised, found.images, test),
            labels=found.labels,
            held=found.held,
        )
        for found in published.sets(test, settings)
    ]
    if settings.noise > 0:
        result.append(Shift("noise", 0, partial(_noisy, test, settings.noise, seed), held=held))
    return result


def _check(names: tuple[str, ...], test: Dataset, settings: recipe.Evaluate) -> None:
    """Fail now rather than in the middle of an evaluation."""
    for name in names:
        corruptions.check(name)
        if names.count(name) > 1:
            raise InputError(
                f"evaluate.corruptions: expected each name once, got {name!r} {names.count(name)} "
                "times; remove the repetition"
            )
    if names:
        corruptions.check_images(test.images)
    if "frost" in names and settings.frost_textures is not None:
        height, width = test.images.shape[1:3]
        textures(settings.frost_textures, 1, (height, width))


def _corrupted(test: Dataset, name: str, settings: recipe.Evaluate, seed: int) -> Shift:
    make = partial(_make_corrupted, test, name, settings, seed)
    held = in_memory(test.images)
    return Shift(name, settings.severity, make, _note(test, name, settings), held=held)


def _note(test: Dataset, name: str, settings: recipe.Evaluate) -> str:
    if name == "frost" and settings.frost_textures is None:
        return OWN_TEXTURES_NOTE
    if name == "saturate" and test.images.shape[-1] == 1 and settings.severity <= 3:
        return "saturate leaves grey pictures unchanged at severities 1 to 3"
    return ""


def normalised(images: Pictures, by: HasStatistics) -> Iterator[Batch]:
    """All pictures, normalised, in pieces bounded in memory."""
    return (normalise(piece, by) for _, piece in pieces(images))


def _make_corrupted(
    test: Dataset, name: str, settings: recipe.Evaluate, seed: int
) -> Iterator[Batch]:
    made = variants(
        test.images, name, settings.severity, seed=seed, frost_textures=settings.frost_textures
    )
    return (normalise(piece, test) for piece in made)


def _noisy(test: Dataset, half_width: float, seed: int) -> Iterator[Batch]:
    """Normalised pictures plus noise uniform in [-half_width, half_width), unclipped."""
    generator = np.random.default_rng([seed, zlib.crc32(b"noise")])
    # One stream over all pieces: the noise does not depend on how the pictures are cut.
    for batch in normalised(test.images, test):
        noise = generator.random(batch.shape, dtype=np.float32)
        yield batch + (2 * noise - 1) * np.float32(half_width)
