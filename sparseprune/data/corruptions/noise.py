"""Gaussian, shot, impulse and speckle noise.

Noise is drawn for every channel. A grey picture has one, so it gets one draw at the published
strength, not the average of three.
"""

from typing import cast

import numpy as np

from sparseprune.data.corruptions.draws import Generators, each
from sparseprune.data.corruptions.levels import Floats, to_levels, to_unit
from sparseprune.data.corruptions.parameters import Strength
from sparseprune.data.pictures import Images


def gaussian_noise(images: Images, strength: Strength, generators: Generators) -> Floats:
    """Pixel x becomes x + n, n normal; strength (standard deviation,)."""
    noise = each(generators, lambda g: g.normal(scale=strength[0], size=images.shape[1:]))
    return to_levels(to_unit(images) + noise)


def shot_noise(images: Images, strength: Strength, generators: Generators) -> Floats:
    """Pixel x becomes Poisson(x p) / p; strength (photons of a white pixel p,)."""
    rates = iter(to_unit(images) * strength[0])
    return to_levels(each(generators, lambda g: g.poisson(next(rates))) / strength[0])


def impulse_noise(images: Images, strength: Strength, generators: Generators) -> Floats:
    """Salt and pepper in equal parts; strength (share of values replaced,)."""
    chance = each(generators, lambda g: g.random(images.shape[1:]))
    (amount,) = strength
    salted = np.where(chance < amount / 2, 255, images)
    return cast(Floats, np.where(chance >= 1 - amount / 2, 0, salted))


def speckle_noise(images: Images, strength: Strength, generators: Generators) -> Floats:
    """Pixel x becomes x + x n, n normal; strength (standard deviation,)."""
    noise = each(generators, lambda g: g.normal(scale=strength[0], size=images.shape[1:]))
    unit = to_unit(images)
    return to_levels(unit + unit * noise)
