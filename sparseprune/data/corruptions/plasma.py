"""Diamond-square height maps, the published texture of fog."""

import numpy as np
from numpy.typing import NDArray


def plasma(uniform: NDArray[np.float64], decay: float) -> NDArray[np.float64]:
    """Height maps 0..1, float64 [N, S, S], periodic; S = 2^k.

    Each level sets the centres of squares, then of diamonds, to the mean of their four neighbours
    plus a wobble that starts at +-100^2 and shrinks by ``decay`` squared per level.

    Args:
        uniform: values in [-1, 1), [N, S^2 - 1], used in order.
        decay: how fast detail fades; smaller is rougher.
    """
    count, size = len(uniform), round(np.sqrt(uniform.shape[1] + 1))
    heights = np.zeros((count, size, size))
    used, step, wobble = 0, size, 100.0

    def wobbled(total: NDArray[np.float64]) -> NDArray[np.float64]:
        nonlocal used
        side = total.shape[1]
        drawn = uniform[:, used : used + side * side].reshape(count, side, side)
        used += side * side
        return np.asarray(total / 4 + wobble * (wobble * drawn))

    while step >= 2:
        half = step // 2
        corners = heights[:, ::step, ::step]
        rows = corners + np.roll(corners, -1, axis=1)
        heights[:, half::step, half::step] = wobbled(rows + np.roll(rows, -1, axis=2))
        centres = heights[:, half::step, half::step]
        beside = corners + np.roll(corners, -1, axis=2)
        heights[:, ::step, half::step] = wobbled(centres + np.roll(centres, 1, axis=1) + beside)
        below = corners + np.roll(corners, -1, axis=1)
        heights[:, half::step, ::step] = wobbled(centres + np.roll(centres, 1, axis=2) + below)
        step, wobble = half, wobble / decay
    heights -= heights.min(axis=(1, 2), keepdims=True)
    return np.asarray(heights / heights.max(axis=(1, 2), keepdims=True))
