"""The nineteen common corruptions of CIFAR-10-C and ImageNet-C, in numpy, scipy and Pillow.

Each function takes uint8 pictures [N, H, W, C], the published parameters of one severity and one
random generator per picture, and returns levels 0..255; ``corrupt`` truncates them to bytes, as
the published generators do. Functions are written from their definition in Hendrycks and
Dietterich (ICLR 2019) for whole batches; where a result differs from the published one, its
function says so.

Grey pictures (C = 1) are treated as RGB pictures with three equal channels, of which the luma is
kept; only noise is drawn for the one channel.
"""

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from sparseprune.data.corruptions import blur, digital, draws, droplets, elastic, noise, weather
from sparseprune.data.corruptions.parameters import TABLES, strength, table_for
from sparseprune.data.pictures import Images, Pictures
from sparseprune.errors import InputError

__all__ = [
    "CORRUPTIONS",
    "MIX1",
    "MIX2",
    "NAMES",
    "SMALLEST_SIDE",
    "TABLES",
    "check",
    "check_images",
    "corrupt",
    "table_for",
]

CORRUPTIONS: dict[str, Callable[..., np.ndarray]] = {
    "gaussian_noise": noise.gaussian_noise,
    "shot_noise": noise.shot_noise,
    "impulse_noise": noise.impulse_noise,
    "defocus_blur": blur.defocus_blur,
    "glass_blur": blur.glass_blur,
    "motion_blur": blur.motion_blur,
    "zoom_blur": blur.zoom_blur,
    "snow": weather.snow,
    "frost": weather.frost,
    "fog": weather.fog,
    "brightness": digital.brightness,
    "contrast": digital.contrast,
    "elastic_transform": elastic.elastic_transform,
    "pixelate": digital.pixelate,
    "jpeg_compression": digital.jpeg_compression,
    "speckle_noise": noise.speckle_noise,
    "gaussian_blur": blur.gaussian_blur,
    "spatter": droplets.spatter,
    "saturate": digital.saturate,
}
NAMES = tuple(CORRUPTIONS)

# The study's split of the nineteen (paper section 4): robust networks train on the first part and
# are judged on the second.
MIX1 = (
    *("contrast", "elastic_transform", "gaussian_blur", "impulse_noise", "motion_blur"),
    *("pixelate", "shot_noise", "snow", "zoom_blur"),
)
MIX2 = (
    *("brightness", "defocus_blur", "fog", "frost", "gaussian_noise", "glass_blur"),
    *("jpeg_compression", "saturate", "spatter", "speckle_noise"),
)

# Below this the published kernels (17 taps and more) reach over the whole picture.
SMALLEST_SIDE = 16

# Pixels worked on at once: float64 copies of a part then fit the cache of one core (2 MB).
_PART = 1 << 18


def corrupt(
    images: Images,
    name: str,
    severity: int,
    *,
    seed: int = 0,
    table: str = "cifar",
    first_index: int = 0,
    indices: Sequence[int] | None = None,
    frost_textures: Path | None = None,
) -> Images:
    """Corrupted pictures, uint8 [N, H, W, C].

    Picture i depends on (seed, name, severity, its index) only: not on the batch it is in.

    Args:
        images: uint8 [N, H, W, C], C = 1 or 3, sides of at least 16 pixels.
        name: one of ``NAMES``.
        severity: 1 (mild) to 5.
        seed: of everything random.
        table: "cifar" (parameters for about 32 pixels a side) or "imagenet" (about 224).
        first_index: index of ``images[0]`` in its data set; the others follow it.
        indices: index of each picture, where they do not follow each other (as in training).
        frost_textures: folder with the published frost photographs, instead of our own textures.

    Raises:
        InputError: unknown name, severity or table, or unsuitable pictures or textures.
    """
    check(name)
    chosen = strength(table, name, severity)
    check_images(images)
    extra = {"folder": frost_textures} if name == "frost" else {}
    places = range(first_index, first_index + len(images)) if indices is None else indices
    if len(places) != len(images):
        raise InputError(f"indices: expected {len(images)}, one per picture, got {len(places)}")
    result = np.empty_like(images)
    step = max(1, _PART // max(1, images[:1].size))
    for start in range(0, len(images), step):
        part = images[start : start + step]
        random = draws.at(name, severity, seed, places[start : start + step])
        levels = CORRUPTIONS[name](part, chosen, random, **extra)
        result[start : start + step] = levels.astype(np.uint8)
    return result


def check(name: str) -> None:
    """Raise unless ``name`` is a corruption.

    Raises:
        InputError: with the nearest name.
    """
    if name not in CORRUPTIONS:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(NAMES)}"
        raise InputError(f"corruption: expected one of {len(NAMES)} names, got {name!r}; {hint}")


def check_images(images: Pictures) -> None:
    """Raise unless every corruption can work on ``images``.

    Raises:
        InputError: another type, shape or size than ``corrupt`` takes.
    """
    right = images.ndim == 4 and images.dtype == np.uint8 and images.shape[-1] in (1, 3)
    if not right or min(images.shape[1:3]) < SMALLEST_SIDE:
        raise InputError(
            "pictures to corrupt: expected uint8 [N, H, W, 1 or 3] with sides of at least "
            f"{SMALLEST_SIDE} pixels, got {images.dtype} {list(images.shape)}"
        )
