"""Fog, frost and snow."""

from pathlib import Path

import numpy as np

from sparseprune.data.corruptions.draws import Generators, each
from sparseprune.data.corruptions.levels import Floats, as_rgb, like, luma, to_levels, to_unit
from sparseprune.data.corruptions.parameters import Strength
from sparseprune.data.corruptions.plasma import plasma
from sparseprune.data.corruptions.sampling import streak, zoom
from sparseprune.data.corruptions.textures import textures
from sparseprune.data.pictures import Images


def fog(images: Images, strength: Strength, generators: Generators) -> Floats:
    """Plasma clouds, then contrast lowered to fit; strength (amount, decay of the plasma).

    The plasma's side is the power of two that covers the picture (published: 32 and 256).
    """
    amount, decay = strength
    height, width = images.shape[1:3]
    side = 1 << (max(height, width) - 1).bit_length()
    uniform = each(generators, lambda g: g.uniform(-1, 1, size=side * side - 1))
    clouds = plasma(uniform, decay)[:, :height, :width, None]
    unit = to_unit(images)
    brightest = unit.max(axis=(1, 2, 3), keepdims=True)
    return to_levels((unit + amount * clouds) * brightest / (brightest + amount))


def frost(
    images: Images, strength: Strength, generators: Generators, folder: Path | None = None
) -> Floats:
    """A weighted sum with a random crop of one of five textures.

    Strength (weight of the picture, weight of the frost, reduction of the texture: 5 makes it a
    fifth as large). Without ``folder`` the textures are the project's own (see ``textures``).
    """
    height, width = images.shape[1:3]
    choices = textures(folder, int(strength[2]), (height, width))
    crops = np.empty((len(images), height, width, 3), np.uint8)
    for place, generator in enumerate(generators):
        texture = choices[generator.integers(len(choices))]
        top = generator.integers(texture.shape[0] - height)
        left = generator.integers(texture.shape[1] - width)
        crops[place] = texture[top : top + height, left : left + width]
    return like(images, np.clip(strength[0] * as_rgb(images) + strength[1] * crops, 0, 255))


def snow(images: Images, strength: Strength, generators: Generators) -> Floats:
    """Streaks of flakes over a whitened picture.

    Strength (mean, deviation, zoom and threshold of the flakes, radius and sigma of their streaks,
    weight of the picture against its whitened self).
    """
    mean, deviation, factor, threshold, radius, sigma, mix = strength
    size = images.shape[1:3]
    flakes = np.empty((len(images), *size, 1))
    angles = np.empty(len(images))
    for place, generator in enumerate(generators):
        flakes[place, ..., 0] = generator.normal(mean, deviation, size=size)
        angles[place] = generator.uniform(-135, -45)
    flakes = zoom(flakes, factor)
    flakes[flakes < threshold] = 0
    layer = to_unit(streak(to_levels(flakes).astype(np.uint8), radius, sigma, angles))
    unit = to_unit(images).astype(np.float32)
    grey = unit if images.shape[-1] == 1 else luma(unit)
    picture = mix * unit + (1 - mix) * np.maximum(unit, grey * 1.5 + 0.5)
    return to_levels(picture + layer + layer[:, ::-1, ::-1])
