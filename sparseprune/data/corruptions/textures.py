"""Frost textures: the project's own, or the five published photographs from a folder.

The published benchmark overlays photographs of frost. They are not packaged here; instead five
textures are synthesised, always the same. Each follows one photograph in mean colour, contrast
and roughness, but not in its shapes, so accuracies on frost are comparable between networks and
not with published ones. Point ``frost_textures`` at a folder with the originals (frost1.png,
frost2.png, frost3.png, frost4.jpg, frost5.jpg) where that matters.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

from sparseprune.data.pictures import Images
from sparseprune.errors import InputError

OWN_TEXTURES_NOTE = "frost overlays the project's own synthetic textures, not the published photos"

FILES = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg")


class Look(NamedTuple):
    """What a texture takes over from the photograph of the same number, in grey levels."""

    red: float
    green: float
    blue: float
    deviation: float  # standard deviation of the green channel within 32 x 32 pixels
    smoothness: float  # amplitude of detail falls as frequency ** -smoothness
    patches: float  # how much shade and contrast differ between distant places


# Colours and deviations were measured on the five photographs (two of which show the same picture);
# smoothness and patches were chosen so that the mean step between neighbours and the deviation of
# the whole come within a quarter of theirs when reduced to a fifth, and within two fifths in full.
LOOKS = (
    Look(78, 149, 166, 10, 0.65, 1.0),
    Look(201, 205, 214, 14, 0.8, 0.9),
    Look(201, 205, 214, 14, 0.8, 0.9),
    Look(138, 153, 165, 22, 0.8, 0.7),
    Look(112, 123, 135, 30, 0.8, 0.8),
)

# Room for any crop of 224 pixels, and after reduction to a fifth of 84 (the largest side that
# takes the reduced textures).
_SIDE = 448


def textures(folder: Path | None, reduction: int, size: tuple[int, int]) -> tuple[Images, ...]:
    """Five textures uint8 [H', W', 3], reduced, and larger than ``size`` in both directions.

    Raises:
        InputError: ``folder`` lacks a photograph, or one cannot be read.
    """
    found = _own(reduction) if folder is None else _published(folder, reduction)
    return tuple(_at_least(texture, size) for texture in found)


@lru_cache(maxsize=2)
def _own(reduction: int) -> tuple[Images, ...]:
    return tuple(_reduce(synthesise(look, number), reduction) for number, look in enumerate(LOOKS))


def synthesise(look: Look, number: int) -> Images:
    """An ice-like texture uint8 [448, 448, 3]: needles and grains on softly shaded ground."""
    generator = np.random.default_rng([0xF2057, number])
    frequency = np.hypot(fft.fftfreq(_SIDE)[:, None], fft.rfftfreq(_SIDE))
    frequency[0, 0] = 1
    grain = _filtered(generator, frequency**-look.smoothness)
    needles = np.max([_needles(generator, angle) for angle in generator.uniform(0, np.pi, 3)], 0)
    # Below 1/100 per pixel: patches wider than the 32 pixels that ``deviation`` speaks of.
    shade, contrast = (_filtered(generator, np.exp(-((frequency * 100) ** 2))) for _ in range(2))
    detail = _standard(grain + 0.5 * needles) * np.exp(0.5 * look.patches * contrast)
    height = look.deviation * (detail + look.patches * shade)
    return np.clip((look.red, look.green, look.blue) + height[..., None], 0, 255).astype(np.uint8)


def _needles(generator: np.random.Generator, angle: float) -> NDArray[np.float64]:
    """Streaks along ``angle`` (radians), about 2 pixels wide and 20 long."""
    y, x = fft.fftfreq(_SIDE)[:, None], fft.rfftfreq(_SIDE)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return _filtered(generator, np.exp(-((along * 20) ** 2) - (across * 4) ** 2))


def _filtered(generator: np.random.Generator, response: NDArray[np.float64]) -> NDArray[np.float64]:
    """Periodic Gaussian noise with the given amplitude per frequency, mean 0, deviation 1."""
    white = generator.standard_normal((_SIDE, _SIDE), dtype=np.float32)
    return _standard(fft.irfft2(fft.rfft2(white) * response.astype(np.float32), (_SIDE, _SIDE)))


def _standard(field: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled: NDArray[np.float64] = (field - field.mean()) / field.std()
    return scaled


@lru_cache(maxsize=2)
def _published(folder: Path, reduction: int) -> tuple[Images, ...]:
    return tuple(_reduce(_photograph(folder / name), reduction) for name in FILES)


def _photograph(path: Path) -> Images:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{path}: expected a photograph of frost, got {error}; the folder needs "
            f"{', '.join(FILES)}, or leave out frost_textures to use the project's own"
        ) from error


def _reduce(texture: Images, reduction: int) -> Images:
    """The middle pixel of each square: what OpenCV's linear resize by 1/5 does."""
    return texture[reduction // 2 :: reduction, reduction // 2 :: reduction]


def _at_least(texture: Images, size: tuple[int, int]) -> Images:
    """``texture``, enlarged if that is needed to leave a choice of crops of ``size``."""
    factor = max((side + 1) / have for side, have in zip(size, texture.shape[:2], strict=True))
    if factor <= 1:
        return texture
    height, width = (int(np.ceil(side * factor)) for side in texture.shape[:2])
    enlarged = Image.fromarray(texture).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(enlarged)
