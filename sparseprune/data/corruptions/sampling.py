"""Reading pictures between and along their pixels, for whole batches."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sparseprune.data.corruptions.levels import Floats
from sparseprune.data.pictures import Images

Fold = Callable[[NDArray[np.intp], int], NDArray[np.intp]]


def mirror(index: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Fold indices into 0..size-1 by reflection about the edge pixels (d c b | a b c d | c b a)."""
    period = max(2 * size - 2, 1)
    index = index % period
    return np.minimum(index, period - index)


def reflect(index: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Fold indices by reflection about the edges (c b a | a b c d | d c b)."""
    index = index % (2 * size)
    return np.minimum(index, 2 * size - 1 - index)


def bilinear(images: Floats, rows: Floats, columns: Floats, fold: Fold) -> Floats:
    """Values of [N, H, W, C] at positions ``rows``, ``columns`` [N, H', W'], linear in both axes.

    Computed in float64, returned in the input's precision.
    """
    count, height, width, channels = images.shape
    top, left = np.floor(rows).astype(np.intp), np.floor(columns).astype(np.intp)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    flat = images.reshape(count * height * width, channels)
    start = (np.arange(count) * height * width)[:, None, None]
    row = [start + fold(top + i, height) * width for i in (0, 1)]
    column = [fold(left + i, width) for i in (0, 1)]
    above: Floats = flat[row[0] + column[0]] * (1 - right) + flat[row[0] + column[1]] * right
    below: Floats = flat[row[1] + column[0]] * (1 - right) + flat[row[1] + column[1]] * right
    return (above * (1 - down) + below * down).astype(images.dtype, copy=False)


def zoom(images: Floats, factor: float) -> Floats:
    """The centre of [N, H, W, C] enlarged by ``factor`` >= 1 (linear), at the original size.

    The centre is cut to ceil(size / factor) pixels, enlarged so that corner pixels stay corner
    pixels, and trimmed evenly to the original size.
    """
    for axis in (1, 2):
        images = _zoom_axis(images, factor, axis)
    return images


def _zoom_axis(images: Floats, factor: float, axis: int) -> Floats:
    size = images.shape[axis]
    cut = int(np.ceil(size / factor))
    enlarged = round(cut * factor)
    start = (size - cut) // 2
    trim = (enlarged - size) // 2
    position = np.arange(trim, trim + size) * ((cut - 1) / (enlarged - 1))
    low = np.minimum(np.floor(position).astype(np.intp), cut - 1)
    high = np.minimum(low + 1, cut - 1)
    shape = [1] * images.ndim
    shape[axis] = size
    share = (position - low).reshape(shape)
    before, after = images.take(start + low, axis), images.take(start + high, axis)
    return np.asarray(before * (1 - share) + after * share)


def streak(images: Images, radius: float, sigma: float, angles: Floats) -> Images:
    """ImageMagick's motion blur: a one-sided Gaussian of ``2 radius + 1`` taps along each angle.

    Tap i reads the pixel at ceil(i cos a - 1/2), ceil(i sin a - 1/2) with edges clamped. Results
    are rounded to ImageMagick's 16-bit quantum (1/257 of a level), then truncated to bytes.

    Args:
        images: uint8 [N, H, W, C].
        radius: reach in pixels is twice this.
        sigma: of the Gaussian, pixels.
        angles: degrees [N].
    """
    taps = np.arange(2 * int(np.ceil(radius)) + 1)
    weights = np.exp(-(taps**2) / (2 * sigma**2))
    weights /= weights.sum()
    pad = len(taps) - 1
    padded = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="edge")
    height, width = images.shape[1:3]
    total = np.zeros(images.shape)
    for place, angle in enumerate(np.deg2rad(angles)):
        down = pad + np.ceil(taps * np.sin(angle) - 0.5).astype(np.intp)
        right = pad + np.ceil(taps * np.cos(angle) - 0.5).astype(np.intp)
        for weight, y, x in zip(weights, down, right, strict=True):
            total[place] += weight * padded[place, y : y + height, x : x + width]
    return (np.floor(total * 257 + 0.5) // 257).astype(np.uint8)
