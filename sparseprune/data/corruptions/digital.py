"""Brightness, contrast, saturation, elastic distortion, pixelation and JPEG compression."""

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image

from sparseprune.data.corruptions.draws import Generators
from sparseprune.data.corruptions.levels import (
    Floats,
    as_rgb,
    from_hsv,
    like,
    to_hsv,
    to_levels,
    to_unit,
)
from sparseprune.data.corruptions.parameters import Strength
from sparseprune.data.pictures import Images


def brightness(images: Images, strength: Strength, generators: Generators) -> Floats:
    """Value (of hue, saturation, value) plus a constant; strength (constant,)."""
    if images.shape[-1] == 1:  # a grey pixel is its own value
        return to_levels(to_unit(images) + strength[0])
    hue, saturation, value = to_hsv(to_unit(images))
    return to_levels(from_hsv(hue, saturation, np.clip(value + strength[0], 0, 1)))


def saturate(images: Images, strength: Strength, generators: Generators) -> Floats:
    """Saturation times a plus b; strength (a, b).

    Grey pictures have none: they stay as they are while b = 0 (severities 1 to 3), and with b > 0
    they take on the red of hue 0, of which the luma is kept.
    """
    if images.shape[-1] == 1 and strength[1] == 0:
        return images.astype(np.float64)
    hue, saturation, value = to_hsv(to_unit(as_rgb(images)))
    changed = np.clip(saturation * strength[0] + strength[1], 0, 1)
    return like(images, to_levels(from_hsv(hue, changed, value)))


def contrast(images: Images, strength: Strength, generators: Generators) -> Floats:
    """Distance to each channel's mean times a factor; strength (factor,)."""
    unit = to_unit(images)
    # One mean per picture: a reduction over the batch could round differently with its size.
    means = np.stack([picture.mean(axis=(0, 1), keepdims=True) for picture in unit])
    return to_levels((unit - means) * strength[0] + means)


def pixelate(images: Images, strength: Strength, generators: Generators) -> Images:
    """Shrink and enlarge by box filters; strength (scale,)."""
    height, width = images.shape[1:3]
    small = int(width * strength[0]), int(height * strength[0])

    def change(picture: Image.Image) -> Image.Image:
        shrunk = picture.resize(small, Image.Resampling.BOX)
        return shrunk.resize((width, height), Image.Resampling.BOX)

    return _through_pillow(images, change)


def jpeg_compression(images: Images, strength: Strength, generators: Generators) -> Images:
    """Through a JPEG file in memory; strength (quality,)."""

    def change(picture: Image.Image) -> Image.Image:
        file = BytesIO()
        picture.save(file, "JPEG", quality=int(strength[0]))
        return Image.open(file)

    return _through_pillow(images, change)


def _through_pillow(images: Images, change: Callable[[Image.Image], Image.Image]) -> Images:
    squeezed = images[..., 0] if images.shape[-1] == 1 else images
    result = np.stack([np.asarray(change(Image.fromarray(picture))) for picture in squeezed])
    return result.reshape(images.shape)
