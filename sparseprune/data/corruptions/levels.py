"""Grey levels and colour: 0..255 to 0..1 and back, luma, and hue-saturation-value."""

import numpy as np
from numpy.typing import NDArray

from sparseprune.data.pictures import Images

Floats = NDArray[np.floating]


def to_unit(images: Images) -> NDArray[np.float64]:
    """Bytes to 0..1."""
    return images / 255.0


def to_levels(values: Floats) -> Floats:
    """Clip to 0..1 and scale to 0..255; the caller truncates to bytes, as the published code."""
    return np.clip(values, 0, 1) * 255


def as_rgb(images: Images) -> Images:
    """Grey pictures [N, H, W, 1] repeated to [N, H, W, 3]; RGB ones as they are."""
    return np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


def luma(rgb: Floats) -> Floats:
    """ITU-R 601 luma [..., 1] of [..., 3], in the input's precision."""
    red, green, blue = (rgb[..., i : i + 1] for i in range(3))
    return (
        red * rgb.dtype.type(0.299) + green * rgb.dtype.type(0.587) + blue * rgb.dtype.type(0.114)
    )


def like(images: Images, rgb: Floats) -> Floats:
    """``rgb`` back in the channels of ``images``: its luma for grey pictures."""
    return luma(rgb) if images.shape[-1] == 1 else rgb


def to_hsv(rgb: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Hue, saturation and value, each 0..1, of RGB 0..1 [..., 3]."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    value = rgb.max(axis=-1)
    spread = value - rgb.min(axis=-1)
    safe = np.where(spread == 0, 1, spread)
    # Where two channels tie for the maximum, the later one decides, as in scikit-image.
    hue = np.where(value == red, (green - blue) / safe, 0)
    hue = np.where(value == green, 2 + (blue - red) / safe, hue)
    hue = np.where(value == blue, 4 + (red - green) / safe, hue)
    hue = np.where(spread == 0, 0, (hue / 6) % 1)
    saturation = np.where(spread == 0, 0, spread / np.where(value == 0, 1, value))
    return hue, saturation, value


def from_hsv(
    hue: NDArray[np.float64], saturation: NDArray[np.float64], value: NDArray[np.float64]
) -> NDArray[np.float64]:
    """RGB 0..1 [..., 3] of hue, saturation and value."""
    sector = np.floor(hue * 6)
    within = hue * 6 - sector
    low = value * (1 - saturation)
    falling = value * (1 - within * saturation)
    rising = value * (1 - (1 - within) * saturation)
    sector = sector.astype(np.intp) % 6
    red = np.choose(sector, (value, falling, low, low, rising, value))
    green = np.choose(sector, (rising, value, value, falling, low, low))
    blue = np.choose(sector, (low, low, rising, value, value, falling))
    return np.stack((red, green, blue), axis=-1)
