"""The distributions a network is evaluated on: clean, corrupted, noisy.

Source: the study's section on data sets and shifts (19 corruptions at one severity) and on noise
similarity (uniform noise added after normalisation, never clipped, the same for all models).
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sparseprune import recipe
from sparseprune.data import corruptions
from sparseprune.data.corruptions.textures import OWN_TEXTURES_NOTE, textures
from sparseprune.data.dataset import Dataset, normalise
from sparseprune.errors import InputError


@dataclass(frozen=True)
class Shift:
    """One distribution. Holds how to make its pictures, not the pictures.

    ``severity`` is 0 where none applies; ``note`` says what a report must mention, if anything.
    """

    name: str
    severity: int
    make: Callable[[], NDArray[np.float32]]
    note: str = ""

    def batch(self) -> NDArray[np.float32]:
        """All test pictures under this shift, normalised, float32 [N, C, H, W]; same every time."""
        return self.make()


def shifts(test: Dataset, settings: recipe.Evaluate, *, seed: int) -> list[Shift]:
    """Clean first, then the corruptions, then uniform noise (if ``settings.noise`` is above 0).

    Corruptions come in the order of ``corruptions.NAMES``, or of the settings' list.

    Raises:
        InputError: an unknown or repeated corruption, pictures under 16 pixels, or a folder of
            frost textures that lacks one.
    """
    names = corruptions.NAMES if settings.corruptions == "all" else tuple(settings.corruptions)
    _check(names, test, settings)
    result = [Shift("clean", 0, partial(normalise, test.images, test))]
    result += [_corrupted(test, name, settings, seed) for name in names]
    if settings.noise > 0:
        result.append(Shift("noise", 0, partial(_noisy, test, settings.noise, seed)))
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
        textures(settings.frost_textures, 1, test.images.shape[1:3])


def _corrupted(test: Dataset, name: str, settings: recipe.Evaluate, seed: int) -> Shift:
    make = partial(_make_corrupted, test, name, settings, seed)
    return Shift(name, settings.severity, make, _note(test, name, settings))


def _note(test: Dataset, name: str, settings: recipe.Evaluate) -> str:
    if name == "frost" and settings.frost_textures is None:
        return OWN_TEXTURES_NOTE
    if name == "saturate" and test.images.shape[-1] == 1 and settings.severity <= 3:
        return "saturate leaves grey pictures unchanged at severities 1 to 3"
    return ""


def _make_corrupted(
    test: Dataset, name: str, settings: recipe.Evaluate, seed: int
) -> NDArray[np.float32]:
    images = corruptions.corrupt(
        test.images,
        name,
        settings.severity,
        seed=seed,
        table=corruptions.table_for(*test.images.shape[1:3]),
        frost_textures=settings.frost_textures,
    )
    return normalise(images, test)


def _noisy(test: Dataset, half_width: float, seed: int) -> NDArray[np.float32]:
    """Normalised pictures plus noise uniform in [-half_width, half_width), unclipped."""
    batch = normalise(test.images, test)
    generator = np.random.default_rng([seed, zlib.crc32(b"noise")])
    noise = generator.random(batch.shape, dtype=np.float32)
    return batch + (2 * noise - 1) * np.float32(half_width)
