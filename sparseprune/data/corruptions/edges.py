"""The image-processing steps behind watery spatter, as OpenCV defines them, for whole batches.

Arrays are [N, H, W]. Everything is integer arithmetic, so results equal OpenCV's exactly.
"""

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# tan(22.5 degrees) in 15-bit fixed point.
_TANGENT = 13573

# Chamfer steps (dy, dx) and their costs by squared length: OpenCV's 5 x 5 mask, in float32.
_COSTS = {1: np.float32(1), 2: np.float32(1.4), 5: np.float32(2.1969)}
_STEPS = tuple(
    (dy, dx, _COSTS[dy * dy + dx * dx])
    for dy, dx in product(range(-2, 3), repeat=2)
    if dy * dy + dx * dx in _COSTS
)


def canny(images: NDArray[np.uint8], low: int, high: int) -> NDArray[np.bool_]:
    """Canny edges with a 3 x 3 Sobel operator and L1 gradient length.

    An edge pixel's length exceeds ``low`` and is maximal along the gradient; it counts if it is
    connected (8 neighbours) to one above ``high``.
    """
    wide = images.astype(np.int32)
    x, y = _sobel(wide, 2), _sobel(wide, 1)
    length = np.abs(x) + np.abs(y)
    candidate = (length > low) & _is_ridge(x, y, length)
    inside = np.zeros((3, 3, 3), bool)
    inside[1] = True  # connected within a picture, not across the batch
    region, count = ndimage.label(candidate, inside)
    strong = np.zeros(count + 1, bool)
    strong[region[candidate & (length > high)]] = True
    return np.asarray(strong[region] & candidate)


def _sobel(images: NDArray[np.int32], axis: int) -> NDArray[np.int32]:
    """Derivative [-1 0 1] along ``axis``, [1 2 1] along the other; edges repeated."""
    slope = ndimage.correlate1d(images, (-1, 0, 1), axis, mode="nearest")
    result: NDArray[np.int32] = ndimage.correlate1d(slope, (1, 2, 1), 3 - axis, mode="nearest")
    return result


def _is_ridge(
    x: NDArray[np.int32], y: NDArray[np.int32], length: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Whether ``length`` is maximal along the gradient (x, y), rounded to 45 degrees."""
    around = np.pad(length, ((0, 0), (1, 1), (1, 1)))
    height, width = length.shape[1:]

    def at(dy: int, dx: int) -> NDArray[np.int32]:
        return around[:, 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]

    across = np.abs(x).astype(np.int64) * _TANGENT
    down = np.abs(y).astype(np.int64) << 15
    level = down < across
    steep = down > across + (np.abs(x).astype(np.int64) << 16)
    falling = (x ^ y) < 0
    diagonal = np.where(
        falling,
        (length > at(-1, 1)) & (length > at(1, -1)),
        (length > at(-1, -1)) & (length > at(1, 1)),
    )
    upright = (length > at(-1, 0)) & (length >= at(1, 0))
    flat = (length > at(0, -1)) & (length >= at(0, 1))
    return np.where(level, flat, np.where(steep, upright, diagonal))


def distance(edges: NDArray[np.bool_], limit: int) -> NDArray[np.float32]:
    """Chamfer distance (steps 1, 1.4, 2.1969) to the nearest edge pixel, at most ``limit``."""
    height, width = edges.shape[1:]
    result = np.where(edges, np.float32(0), np.float32(limit))
    while True:
        around = np.pad(result, ((0, 0), (2, 2), (2, 2)), constant_values=limit)
        nearer = result.copy()
        for dy, dx, cost in _STEPS:
            moved = around[:, 2 + dy : 2 + dy + height, 2 + dx : 2 + dx + width] + cost
            np.minimum(nearer, moved, out=nearer)
        if np.array_equal(nearer, result):
            return result
        result = nearer


def equalise(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Histogram equalisation: the lowest level present becomes 0, the highest 255.

    A picture of a single level stays as it is.
    """
    result = np.empty_like(images)
    for place, image in enumerate(images):
        counts = np.bincount(image.ravel(), minlength=256)
        lowest = counts[np.flatnonzero(counts)[0]]
        if lowest == image.size:
            result[place] = image
            continue
        scale = np.float32(255) / np.float32(image.size - lowest)
        above = np.maximum(np.cumsum(counts) - lowest, 0).astype(np.float32)
        result[place] = np.rint(above * scale).astype(np.uint8)[image]
    return result


def box(images: NDArray[np.number]) -> NDArray[np.float64]:
    """Sums of 3 x 3 neighbourhoods times 1/9; edges mirrored."""
    wide = images.astype(np.float64)
    for axis in (1, 2):
        wide = ndimage.correlate1d(wide, (1, 1, 1), axis, mode="mirror")
    return wide * (1 / 9)
