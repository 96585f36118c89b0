"""Gaussian, glass, defocus, motion and zoom blur."""

from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sparseprune.data.corruptions.draws import Generators, each
from sparseprune.data.corruptions.levels import Floats, to_levels, to_unit
from sparseprune.data.corruptions.parameters import Strength
from sparseprune.data.corruptions.sampling import streak, zoom
from sparseprune.data.pictures import Images


def smooth(values: Floats, sigma: float) -> Floats:
    """Gaussian filter of [N, H, W, ...] over H and W: edges repeated, cut at four sigma."""
    sigmas = (0, sigma, sigma) + (0,) * (values.ndim - 3)
    return cast(Floats, ndimage.gaussian_filter(values, sigmas, mode="nearest", truncate=4))


def gaussian_blur(images: Images, strength: Strength, generators: Generators) -> Floats:
    """Strength (sigma in pixels,)."""
    return to_levels(smooth(to_unit(images), strength[0]))


def glass_blur(images: Images, strength: Strength, generators: Generators) -> Floats:
    """Blur, displace pixels at random, blur; strength (sigma, reach, rounds)."""
    sigma, reach, rounds = strength[0], int(strength[1]), int(strength[2])
    blurred = (smooth(to_unit(images), sigma) * 255).astype(np.uint8)
    height, width = images.shape[1:3]
    size = (rounds, height - 2 * reach, width - 2 * reach, 2)
    moves = np.array([g.integers(-reach, reach, size=size) for g in generators])
    for turn in range(rounds):
        blurred = displace(blurred, moves[:, turn], reach)
    return to_levels(smooth(to_unit(blurred), sigma))


def displace(images: Images, moves: NDArray[np.int64], reach: int) -> Images:
    """One round of glass blur: pixel by pixel, copy the pixel that ``moves`` points at.

    The published loop visits rows and columns from size - reach down to reach + 1 and means to
    swap two pixels; on numpy views the swap is a copy, so that is what the published pictures
    show. A source visited earlier has been overwritten: its content came from *its* source. Those
    chains are followed for the whole batch at once by doubling, instead of pixel by pixel.

    Args:
        images: uint8 [N, H, W, C].
        moves: [N, H - 2 reach, W - 2 reach, 2] in the order of the visits; (dx, dy) each.
        reach: largest displacement, pixels.
    """
    count, height, width, channels = images.shape
    area = height * width
    # Entries below ``area`` stand for a pixel before the round, those above for one after it.
    source = np.tile(np.arange(area, dtype=np.int32), (count, 2))
    rows = np.arange(height - reach, reach, -1)[:, None]
    columns = np.arange(width - reach, reach, -1)
    place = (rows * width + columns).ravel()
    row, column = rows + moves[..., 1], columns + moves[..., 0]
    target = (row * width + column).reshape(count, -1)
    visited = (row <= height - reach) & (column <= width - reach) & (column > reach)
    earlier = visited.reshape(count, -1) & (target > place)
    source[:, area + place] = target + area * earlier
    while True:
        further = np.take_along_axis(source, source, axis=1)
        if np.array_equal(further, source):
            break
        source = further
    flat = images.reshape(count, area, channels)
    moved = np.take_along_axis(flat, source[:, area:, None].astype(np.intp), axis=1)
    return moved.reshape(images.shape)


def defocus_blur(images: Images, strength: Strength, generators: Generators) -> Floats:
    """Correlation with an antialiased disk; strength (radius, sigma of the antialiasing)."""
    kernel = disk(*strength)[None, :, :, None]
    return to_levels(cast(Floats, ndimage.correlate(to_unit(images), kernel, mode="mirror")))


def disk(radius: float, alias: float) -> NDArray[np.float64]:
    """A filled circle of sum 1, smoothed by a 3-tap (5-tap above radius 8) Gaussian of ``alias``.

    Held in float32 precision like the published kernel, and trimmed of its zero border.
    """
    reach = 8 if radius <= 8 else int(radius)
    offsets = np.arange(-reach, reach + 1)
    filled = (offsets[:, None] ** 2 + offsets**2 <= radius**2).astype(np.float32)
    filled /= filled.sum()
    taps = np.arange(-1, 2) if radius <= 8 else np.arange(-2, 3)
    weights = np.exp(-(taps**2) / (2 * alias**2))
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (0, 1):
        filled = ndimage.correlate1d(filled, weights, axis, mode="mirror")
    border = int(np.flatnonzero(filled.any(axis=1))[0])
    trimmed = filled[border : len(filled) - border, border : len(filled) - border]
    return trimmed.astype(np.float64)


def motion_blur(images: Images, strength: Strength, generators: Generators) -> Images:
    """A one-sided streak at an angle within 45 degrees of level; strength (radius, sigma)."""
    angles = each(generators, lambda g: g.uniform(-45, 45))
    return streak(images, strength[0], strength[1], angles)


def zoom_blur(images: Images, strength: Strength, generators: Generators) -> Floats:
    """Mean of the picture and its enlargements by 1, 1 + step, ... below stop; (stop, step).

    Sums in float32, as published.
    """
    stop, step = strength
    factors = np.arange(1, stop, step)
    unit = to_unit(images).astype(np.float32)
    total = np.zeros_like(unit)
    for factor in factors:
        total += zoom(unit.astype(np.float64), float(factor)).astype(np.float32)
    return to_levels((unit + total) / np.float32(len(factors) + 1))
