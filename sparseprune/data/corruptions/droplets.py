"""Spatter: drops of water (milder severities) or mud (stronger ones)."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sparseprune.data.corruptions.blur import smooth
from sparseprune.data.corruptions.draws import Generators, each
from sparseprune.data.corruptions.edges import box, canny, distance, equalise
from sparseprune.data.corruptions.levels import Floats, as_rgb, like, to_levels, to_unit
from sparseprune.data.corruptions.parameters import Strength
from sparseprune.data.pictures import Images

# RGB on the scale 0..1: pale turquoise and brown.
_WATER = np.array((175, 238, 238), np.float32) / np.float32(255)
_MUD = np.array((63, 42, 20), np.float32) / np.float32(255)

# A light from the upper left on the drops' relief.
_RELIEF = np.array(((-2, -1, 0), (-1, 1, 1), (0, 1, 2)))


def spatter(images: Images, strength: Strength, generators: Generators) -> Floats:
    """Coloured drops where smoothed noise exceeds a threshold.

    Strength (mean, deviation and smoothing sigma of the noise, threshold, then the opacity of
    water or the smoothing sigma of mud, and 1 for mud). Grey pictures keep the result's luma.
    """
    mean, deviation, sigma, threshold, last, mud = strength
    noise = each(generators, lambda g: g.normal(mean, deviation, size=images.shape[1:3]))
    liquid = smooth(noise, sigma)
    unit = to_unit(as_rgb(images)).astype(np.float32)
    if mud:
        cover = smooth((liquid > threshold).astype(np.float32), last)
        cover = np.where(cover < 0.8, 0, cover)[..., None]
        return like(images, to_levels(unit * (1 - cover) + _MUD * cover))
    # Past 255 the published cast to bytes wraps around on x86; int32 first makes that defined.
    drops = (np.where(liquid < threshold, 0, liquid) * 255).astype(np.int32).astype(np.uint8)
    sheen = _sheen(drops) * np.float32(last)
    return like(images, to_levels(unit + sheen[..., None] * _WATER))


def _sheen(drops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Brightness 0..1 of water drops [N, H, W]: their height times a lit relief of their rims."""
    inside = box(distance(canny(drops, 50, 150), limit=20)).astype(np.uint8)
    relief = ndimage.correlate(equalise(inside).astype(np.int32), _RELIEF[None], mode="mirror")
    lit = np.rint(box(np.clip(relief, 0, 255))).astype(np.float32)
    height = drops * lit
    highest = height.max(axis=(1, 2), keepdims=True)
    # A picture without any drop stays dry (the published code divides by zero here).
    return np.asarray(height / np.where(highest == 0, np.float32(1), highest))
