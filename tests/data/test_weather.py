import numpy as np
import pytest
from PIL import Image

from sparseprune.data.corruptions import corrupt, parameters, textures
from sparseprune.data.corruptions.draws import generators
from sparseprune.data.corruptions.plasma import plasma
from sparseprune.errors import InputError


def reference_plasma(uniform: np.ndarray, decay: float) -> np.ndarray:
    """Diamond-square point by point; drawn numbers in the order of the published code."""
    drawn = iter(uniform)
    size = round((len(uniform) + 1) ** 0.5)
    heights = np.zeros((size, size))
    step, wobble = size, 100.0
    while step >= 2:
        half = step // 2
        places = [(y, x) for y in range(0, size, step) for x in range(0, size, step)]

        def fill(y, x, neighbours, wobble=wobble):
            total = sum(heights[a % size, b % size] for a, b in neighbours)
            heights[y, x] = total / 4 + wobble**2 * next(drawn)

        for y, x in places:
            around = [(y + a, x + b) for a in (0, step) for b in (0, step)]
            fill(y + half, x + half, around)
        for y, x in places:
            around = [(y + half, x + half), (y - half, x + half), (y, x), (y, x + step)]
            fill(y, x + half, around)
        for y, x in places:
            around = [(y + half, x + half), (y + half, x - half), (y, x), (y + step, x)]
            fill(y + half, x, around)
        step, wobble = half, wobble / decay
    heights -= heights.min()
    return heights / heights.max()


@pytest.mark.parametrize("decay", [1.75, 3])
def test_plasma_is_diamond_square(decay):
    uniform = np.random.default_rng(0).uniform(-1, 1, (3, 16 * 16 - 1))
    found = plasma(uniform, decay)
    for one, numbers in zip(found, uniform, strict=True):
        # Four levels of five sums, on the scale of the largest height.
        np.testing.assert_allclose(one, reference_plasma(numbers, decay), rtol=0, atol=64 * 2**-53)


@pytest.mark.parametrize("severity", range(1, 6))
def test_fog_keeps_the_brightest_level_within_reach(grey, severity):
    amount, decay = parameters.strength("cifar", "fog", severity)
    found = corrupt(grey, "fog", severity)
    for place, generator in enumerate(generators("fog", severity, 0, 0, len(grey))):
        clouds = plasma(generator.uniform(-1, 1, (1, 32 * 32 - 1)), decay)[0, :28, :28]
        unit = grey[place, ..., 0] / 255.0
        expected = (unit + amount * clouds) * unit.max() / (unit.max() + amount) * 255
        np.testing.assert_array_equal(found[place, ..., 0], expected.astype(np.uint8))
        assert found[place].max() <= grey[place].max()


def test_snow_only_brightens(grey):
    for severity in range(1, 6):
        found = corrupt(grey, "snow", severity)
        # The whitened part is at least the picture; truncation may take a level.
        assert (found.astype(int) >= grey.astype(int) - 1).all()


@pytest.fixture
def photographs(tmp_path):
    """Five stand-ins for the published photographs, each of one colour that names it."""
    for number, name in enumerate(textures.FILES):
        colour = np.full((400, 300, 3), (40 * number, 10, 200), np.uint8)
        Image.fromarray(colour).save(tmp_path / name, quality=100)
    return tmp_path


@pytest.mark.parametrize(("table", "weights"), [("cifar", (0.9, 0.4)), ("imagenet", (0.7, 0.7))])
def test_frost_adds_one_of_the_photographs(colour, photographs, table, weights):
    many = np.repeat(colour, 8, axis=0)
    found = corrupt(many, "frost", 3, table=table, frost_textures=photographs)
    candidates = [
        np.clip(weights[0] * many + weights[1] * np.array((40 * number, 10, 200)), 0, 255)
        for number in range(5)
    ]
    used = set()
    for place, result in enumerate(found):
        # JPEG may move a flat colour by a level or two.
        distances = [np.abs(result - c[place] + 0.5).max() for c in candidates]
        assert min(distances) <= 0.5 + 3 * weights[1]
        used.add(int(np.argmin(distances)))
    assert used == set(range(5))


def test_frost_takes_the_middle_of_each_5_by_5_square(photographs):
    ramp = np.arange(400 * 300, dtype=np.uint32).reshape(400, 300) % 251
    Image.fromarray(np.repeat(ramp[..., None], 3, -1).astype(np.uint8)).save(
        photographs / "frost1.png"
    )
    found = textures.textures(photographs, 5, (32, 32))[0]
    np.testing.assert_array_equal(found[..., 0], ramp[2::5, 2::5])


def test_textures_are_enlarged_for_pictures_that_do_not_fit(photographs):
    for texture in textures.textures(photographs, 1, (420, 224)):
        assert texture.shape[0] > 420
        assert texture.shape[1] > 224


def test_frost_photographs_that_are_missing_are_named(colour, photographs):
    (photographs / "frost4.jpg").unlink()
    with pytest.raises(
        InputError, match=r"frost4\.jpg: expected a photograph of frost, got .*No s"
    ):
        corrupt(colour, "frost", 3, frost_textures=photographs)


def test_frost_photographs_that_are_damaged_are_named(colour, photographs):
    (photographs / "frost2.png").write_bytes(b"not a picture")
    with pytest.raises(
        InputError, match=r"frost2\.png: expected a photograph .*; the folder needs"
    ):
        corrupt(colour, "frost", 3, frost_textures=photographs)


# Measured on the five published photographs, reduced to a fifth: mean of red, green, blue;
# standard deviation of the green channel; its mean absolute step between neighbours.
PHOTOGRAPHS = (
    ((78, 149, 166), 16.4, 9.7),
    ((201, 205, 214), 22.1, 14.4),
    ((201, 205, 214), 22.1, 14.4),
    ((138, 153, 166), 29.0, 21.8),
    ((112, 123, 135), 43.2, 29.2),
)


@pytest.mark.parametrize("number", range(5))
def test_own_textures_have_the_colour_contrast_and_roughness_of_the_photographs(number):
    mean, deviation, step = PHOTOGRAPHS[number]
    texture = textures.textures(None, 5, (32, 32))[number].astype(float)
    green = texture[..., 1]
    steps = (np.abs(np.diff(green, axis=0)).mean() + np.abs(np.diff(green, axis=1)).mean()) / 2
    assert np.abs(texture.mean(axis=(0, 1)) - mean).max() < 2
    assert 0.75 < green.std() / deviation < 1.25
    assert 0.75 < steps / step < 1.25


def test_own_textures_are_always_the_same():
    first = textures.synthesise(textures.LOOKS[0], 0)
    np.testing.assert_array_equal(first, textures.synthesise(textures.LOOKS[0], 0))
    assert not np.array_equal(first, textures.synthesise(textures.LOOKS[0], 1))
