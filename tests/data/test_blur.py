"""Each blur against a plain reference, one picture and one pixel at a time."""

import math

import numpy as np
import pytest
from scipy import ndimage

from sparseprune.data.corruptions import blur, corrupt, parameters, sampling
from sparseprune.data.corruptions.draws import generators


def mirrored(index: int, size: int) -> int:
    while not 0 <= index < size:
        index = -index if index < 0 else 2 * size - 2 - index
    return index


@pytest.mark.parametrize("severity", range(1, 6))
def test_gaussian_blur_is_scipys_per_channel(colour, severity):
    found = corrupt(colour, "gaussian_blur", severity)
    (sigma,) = parameters.strength("cifar", "gaussian_blur", severity)
    for picture, result in zip(colour, found, strict=True):
        for channel in range(3):
            unit = picture[..., channel] / 255.0
            expected = ndimage.gaussian_filter(unit, sigma, mode="nearest", truncate=4.0)
            expected = (np.clip(expected, 0, 1) * 255).astype(np.uint8)
            np.testing.assert_array_equal(result[..., channel], expected)


def reference_disk(radius: float, alias: float) -> np.ndarray:
    reach, taps = (8, 1) if radius <= 8 else (int(radius), 2)
    size = 2 * reach + 1
    filled = np.array(
        [
            [float(x * x + y * y <= radius * radius) for x in range(-reach, reach + 1)]
            for y in range(-reach, reach + 1)
        ]
    )
    filled /= filled.sum()
    weights = [math.exp(-(i * i) / (2 * alias * alias)) for i in range(-taps, taps + 1)]
    total = sum(weights)
    kernel = np.zeros_like(filled)
    for y in range(size):
        for x in range(size):
            for i, a in zip(range(-taps, taps + 1), weights, strict=True):
                for j, b in zip(range(-taps, taps + 1), weights, strict=True):
                    source = filled[mirrored(y + i, size), mirrored(x + j, size)]
                    kernel[y, x] += a * b / total**2 * source
    return kernel


@pytest.mark.parametrize("table", parameters.TABLES)
@pytest.mark.parametrize("severity", range(1, 6))
def test_the_defocus_kernel_is_a_smoothed_disk(table, severity):
    strength = parameters.strength(table, "defocus_blur", severity)
    expected = reference_disk(*strength)
    found = blur.disk(*strength)
    border = (len(expected) - len(found)) // 2
    # float32 weights (2^-24 each), products of two and up to 25 sums of at most the largest value.
    bound = 32 * 2**-24 * expected.max()
    np.testing.assert_allclose(np.pad(found, border), expected, rtol=0, atol=bound)


@pytest.mark.parametrize("severity", range(1, 6))
def test_defocus_blur_is_a_mirrored_correlation(colour, severity):
    kernel = blur.disk(*parameters.strength("cifar", "defocus_blur", severity))
    reach = len(kernel) // 2
    unit = np.pad(colour / 255.0, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="reflect")
    expected = np.zeros(colour.shape)
    for y, x in np.argwhere(kernel):
        expected += kernel[y, x] * unit[:, y : y + 32, x : x + 32]
    expected = np.clip(expected, 0, 1) * 255
    found = corrupt(colour, "defocus_blur", severity)
    # Another order of at most 25 sums: only a value within 1e-10 of a level may truncate otherwise.
    low, high = np.floor(expected - 1e-10), np.floor(expected + 1e-10)
    assert ((found == low) | (found == high)).all()


def test_the_published_swap_of_views_is_a_copy():
    """The premise of ``displace``: swapping two pixels through numpy views copies one."""
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    pixels[0, 0], pixels[1, 1] = pixels[1, 1], pixels[0, 0]
    assert pixels[0, 0].tolist() == pixels[1, 1].tolist() == [9, 10, 11]


@pytest.mark.parametrize("reach", [1, 2, 4])
@pytest.mark.parametrize("shape", [(16, 16), (17, 25)])
def test_displacing_equals_the_published_pixel_loop(reach, shape):
    generator = np.random.default_rng(reach)
    height, width = shape
    images = generator.integers(0, 256, (3, height, width, 2), dtype=np.uint8)
    size = (3, height - 2 * reach, width - 2 * reach, 2)
    moves = generator.integers(-reach, reach, size=size)
    expected = images.copy()
    for picture, steps in zip(expected, moves, strict=True):
        for i, h in enumerate(range(height - reach, reach, -1)):
            for j, w in enumerate(range(width - reach, reach, -1)):
                dx, dy = steps[i, j]
                picture[h, w] = picture[h + dy, w + dx]
    np.testing.assert_array_equal(blur.displace(images, moves, reach), expected)


def test_long_chains_are_followed_to_their_end():
    """Every pixel copies its right neighbour: the last column but the border fills the row."""
    images = np.arange(20 * 20, dtype=np.uint16).reshape(1, 20, 20, 1).astype(np.uint8)
    moves = np.zeros((1, 16, 16, 2), np.int64)
    moves[..., 0] = 1
    found = blur.displace(images, moves, 2)
    for row in range(3, 19):
        assert (found[0, row, 3:19] == images[0, row, 19]).all()


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_motion_blur_is_the_sum_along_the_line(grey, severity):
    radius, sigma = parameters.strength("cifar", "motion_blur", severity)
    found = corrupt(grey[:4], "motion_blur", severity, seed=3)
    width = 2 * int(radius) + 1
    weights = [math.exp(-i * i / (2 * sigma * sigma)) for i in range(width)]
    random = generators("motion_blur", severity, 3, 0, 4)
    for picture, result, generator in zip(grey, found, random, strict=False):
        angle = math.radians(generator.uniform(-45, 45))
        expected = np.zeros((28, 28))
        for y in range(28):
            for x in range(28):
                for i, weight in enumerate(weights):
                    row = min(max(y + math.ceil(i * math.sin(angle) - 0.5), 0), 27)
                    column = min(max(x + math.ceil(i * math.cos(angle) - 0.5), 0), 27)
                    expected[y, x] += weight / sum(weights) * picture[row, column, 0]
        # ImageMagick rounds to 1 / 257 of a level, then truncates.
        assert (result[..., 0] <= expected + 0.5 / 257 + 1e-9).all()
        assert (result[..., 0] > expected - 1 - 0.5 / 257 - 1e-9).all()


@pytest.mark.parametrize("factor", [1.0, 1.05, 1.25, 1.3, 2.25, 4.5])
@pytest.mark.parametrize("size", [16, 28, 33])
def test_zoom_is_scipys_zoom_of_the_centre(factor, size):
    image = np.random.default_rng(0).random((2, size, size, 1))
    cut = math.ceil(size / factor)
    start = (size - cut) // 2
    part = image[1, start : start + cut, start : start + cut, 0]
    whole = ndimage.zoom(part, factor, order=1, mode="nearest")
    trim = (len(whole) - size) // 2
    expected = whole[trim : trim + size, trim : trim + size]
    # Values below 1, four products of three factors and their positions: rounding only.
    np.testing.assert_allclose(
        sampling.zoom(image, factor)[1, ..., 0], expected, rtol=0, atol=64 * size * 2**-53
    )


def test_zoom_blur_averages_the_picture_and_its_enlargements(grey):
    unit = grey / 255.0
    factors = [1 + 0.01 * k for k in range(16)]
    total = sum(sampling.zoom(unit, factor) for factor in factors)
    expected = (unit + total) / 17 * 255
    found = corrupt(grey, "zoom_blur", 3)
    # Published (and ours) sums 17 values in float32: 17 roundings of 2^-24, on the scale 0..255.
    assert (np.abs(found + 0.5 - expected) <= 0.5 + 255 * 18 * 2**-24).all()
