"""Elastic transform: a random affine map, then a smooth random displacement of every pixel."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sparseprune.data.corruptions.draws import Generators
from sparseprune.data.corruptions.levels import Floats, to_levels, to_unit
from sparseprune.data.corruptions.parameters import Strength
from sparseprune.data.corruptions.sampling import bilinear, mirror, reflect
from sparseprune.data.pictures import Images


def elastic_transform(images: Images, strength: Strength, generators: Generators) -> Floats:
    """Strength (displacement, its smoothing sigma, affine jitter), per unit of the shorter side.

    The published code moves pixels with OpenCV's ``warpAffine``, which rounds positions to 1/32
    pixel; here they are exact.
    """
    height, width = images.shape[1:3]
    displacement, sigma, jitter = (value * min(height, width) for value in strength)
    corners = _corners(height, width)
    moves = np.empty((len(images), 3, 2), np.float32)
    fields = np.empty((2, len(images), height, width), np.float32)
    for place, generator in enumerate(generators):
        moves[place] = generator.uniform(-jitter, jitter, size=(3, 2))
        for field in fields:  # x first, then y
            rough = generator.uniform(-1, 1, size=(height, width))
            smooth = ndimage.gaussian_filter(rough, sigma, mode="reflect", truncate=3)
            field[place] = smooth * displacement
    unit = to_unit(images).astype(np.float32)
    rows, columns = np.mgrid[:height, :width]
    x, y = affine_sources(corners, corners + moves, rows, columns)
    warped = bilinear(unit, y, x, mirror)
    return to_levels(bilinear(warped, rows + fields[1], columns + fields[0], reflect))


def affine_sources(
    before: Floats, after: Floats, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where each output pixel comes from under the affine maps that take ``before`` to ``after``.

    Args:
        before: three points (x, y) [3, 2].
        after: their images [N, 3, 2].
        rows: y of the output pixels [H, W].
        columns: x of the output pixels [H, W].

    Returns:
        x and y of the source positions, each [N, H, W].
    """
    homogeneous = np.concatenate((after, np.ones((*after.shape[:2], 1))), axis=2)
    wanted = np.broadcast_to(before.astype(np.float64), after.shape)
    inverse = np.linalg.solve(homogeneous.astype(np.float64), wanted)[:, :, :, None, None]
    x, y = (inverse[:, 0, i] * columns + inverse[:, 1, i] * rows + inverse[:, 2, i] for i in (0, 1))
    return x, y


def _corners(height: int, width: int) -> NDArray[np.float32]:
    """Three points (x, y) a third of the shorter side about the centre."""
    x, y, reach = width // 2, height // 2, min(height, width) // 3
    return np.array(
        [(x + reach, y + reach), (x + reach, y - reach), (x - reach, y - reach)], np.float32
    )
