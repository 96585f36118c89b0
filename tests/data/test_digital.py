import colorsys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from sparseprune.data.corruptions import corrupt, elastic, levels, parameters, sampling
from sparseprune.data.corruptions.draws import generators


@pytest.fixture(scope="module")
def colours():
    """A 3 x 343 sweep of colours, with ties and greys among them."""
    steps = np.array((0, 1, 64, 128, 200, 254, 255)) / 255.0
    return np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)


def test_hsv_is_the_standard_conversion(colours):
    found = np.stack(levels.to_hsv(colours), axis=-1)
    expected = np.array([colorsys.rgb_to_hsv(*colour) for colour in colours])
    # The two orders of operations differ by a few roundings; hue 0 and 1 are the same colour.
    difference = np.abs(found - expected)
    difference[:, 0] = np.minimum(difference[:, 0], 1 - difference[:, 0])
    assert difference.max() <= 8 * 2**-53


def test_hsv_and_back_is_the_same_colour(colours):
    back = levels.from_hsv(*levels.to_hsv(colours))
    # Hue times six and back, and two products: a handful of roundings of values up to 6.
    np.testing.assert_allclose(back, colours, rtol=0, atol=32 * 2**-53)


@pytest.mark.parametrize("severity", range(1, 6))
def test_brightness_raises_the_value_of_hsv(colour, severity):
    (amount,) = parameters.strength("cifar", "brightness", severity)
    found = corrupt(colour, "brightness", severity)
    for before, after in zip(colour[0].reshape(-1, 3), found[0].reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*(before / 255.0))
        value = min(value + amount, 1)
        expected = np.array(colorsys.hsv_to_rgb(hue, saturation, value)) * 255
        # Truncated; 1e-9 for another order of roundings.
        assert (after <= expected + 1e-9).all()
        assert (after > expected - 1 - 1e-9).all()


@pytest.mark.parametrize("severity", range(1, 6))
def test_grey_brightness_is_an_addition(grey, severity):
    (amount,) = parameters.strength("cifar", "brightness", severity)
    expected = (np.clip(grey / 255.0 + amount, 0, 1) * 255).astype(np.uint8)
    np.testing.assert_array_equal(corrupt(grey, "brightness", severity), expected)


@pytest.mark.parametrize("severity", range(1, 6))
def test_saturate_scales_the_saturation_of_hsv(colour, severity):
    factor, offset = parameters.strength("cifar", "saturate", severity)
    found = corrupt(colour, "saturate", severity)
    for before, after in zip(colour[1].reshape(-1, 3), found[1].reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*(before / 255.0))
        saturation = min(max(saturation * factor + offset, 0), 1)
        expected = np.array(colorsys.hsv_to_rgb(hue, saturation, value)) * 255
        assert (after <= expected + 1e-9).all()
        assert (after > expected - 1 - 1e-9).all()


def test_grey_pictures_have_no_saturation_to_scale(grey):
    for severity in (1, 2, 3):
        np.testing.assert_array_equal(corrupt(grey, "saturate", severity), grey)
    assert corrupt(grey, "saturate", 5).mean() < grey.mean()


@pytest.mark.parametrize("severity", range(1, 6))
def test_contrast_shrinks_towards_each_channels_mean(colour, severity):
    (factor,) = parameters.strength("cifar", "contrast", severity)
    found = corrupt(colour, "contrast", severity)
    for before, after in zip(colour, found, strict=True):
        unit = before / 255.0
        means = unit.mean(axis=(0, 1), keepdims=True)
        expected = (np.clip((unit - means) * factor + means, 0, 1) * 255).astype(np.uint8)
        np.testing.assert_array_equal(after, expected)


@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_pixelate_is_two_box_resizes(kind, request):
    images = request.getfixturevalue(kind)
    side = images.shape[1]
    found = corrupt(images, "pixelate", 4)
    for before, after in zip(images, found, strict=True):
        small = Image.fromarray(before.squeeze()).resize(
            [int(side * 0.75)] * 2, Image.Resampling.BOX
        )
        expected = np.asarray(small.resize((side, side), Image.Resampling.BOX))
        np.testing.assert_array_equal(after.squeeze(), expected)


@pytest.mark.parametrize("kind", ["grey", "colour"])
@pytest.mark.parametrize(("severity", "quality"), [(1, 80), (5, 40)])
def test_jpeg_is_pillows_encoder(kind, severity, quality, request):
    images = request.getfixturevalue(kind)
    found = corrupt(images, "jpeg_compression", severity)
    for before, after in zip(images, found, strict=True):
        file = BytesIO()
        Image.fromarray(before.squeeze()).save(file, "JPEG", quality=quality)
        np.testing.assert_array_equal(after.squeeze(), np.asarray(Image.open(file)))


def test_bilinear_reads_like_scipy_with_reflected_edges():
    generator = np.random.default_rng(0)
    image = generator.random((1, 9, 7, 1))
    rows, columns = generator.uniform(-20, 30, (2, 1, 12, 11))
    for fold, mode in ((sampling.mirror, "mirror"), (sampling.reflect, "reflect")):
        expected = ndimage.map_coordinates(
            image[0, ..., 0], (rows[0], columns[0]), order=1, mode=mode
        )
        found = sampling.bilinear(image, rows, columns, fold)[0, ..., 0]
        # Positions up to 30 are folded by subtraction: 30 x 2^-53, times a slope of at most 1.
        np.testing.assert_allclose(found, expected, rtol=0, atol=256 * 2**-53)


def test_affine_sources_invert_the_map_of_three_points():
    before = np.array(((20, 22), (20, 2), (3, 2)), np.float32)
    after = before + np.random.default_rng(0).uniform(-2, 2, (5, 3, 2)).astype(np.float32)
    for place in range(5):
        for point, target in zip(before, after[place], strict=True):
            x, y = elastic.affine_sources(
                before, after, np.array([[target[1]]]), np.array([[target[0]]])
            )
            # A 3 x 3 solve of condition below 1e3 in float64.
            np.testing.assert_allclose((x[place], y[place]), point.reshape(2, 1, 1), atol=1e-10)


@pytest.mark.parametrize("severity", range(1, 6))
def test_elastic_transform_is_an_affine_map_and_a_smooth_displacement(grey, severity):
    scale, sigma, jitter = (
        28 * v for v in parameters.strength("cifar", "elastic_transform", severity)
    )
    picture = grey[2]
    (generator,) = generators("elastic_transform", severity, 0, 2, 1)
    corners = np.array(((23, 23), (23, 5), (5, 5)), np.float32)
    moved = corners + generator.uniform(-jitter, jitter, size=(3, 2)).astype(np.float32)
    # Output (x, y, 1) times this is the source (x, y).
    inverse = np.linalg.solve(np.column_stack((moved, np.ones(3))).astype(float), corners)
    dx, dy = (
        ndimage.gaussian_filter(generator.uniform(-1, 1, (28, 28)), sigma, truncate=3) * scale
        for _ in range(2)
    )
    unit = picture[..., 0] / 255.0
    y, x = np.mgrid[:28, :28]
    source_x, source_y = (inverse[0, i] * x + inverse[1, i] * y + inverse[2, i] for i in (0, 1))
    warped = ndimage.map_coordinates(unit, (source_y, source_x), order=1, mode="mirror")
    expected = ndimage.map_coordinates(warped, (y + dy, x + dx), order=1, mode="reflect") * 255
    found = corrupt(picture[None], "elastic_transform", severity, first_index=2)[0, ..., 0]
    # Displacements are held in float32 (positions up to 32: 2^-19, slopes up to 255 levels), the
    # warped picture too.
    slack = 2 * 255 * 2**-19
    assert (found <= expected + slack).all()
    assert (found > expected - 1 - slack).all()
