import numpy as np
import pytest
from PIL import Image
from scipy import stats

from sparseprune.data.decoding import Geometry
from sparseprune.data.random_cuts import RandomArea, RandomScale, random_cut


def coordinates(width=90, height=60):
    """A picture whose red is its column and whose green is its row."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return Image.fromarray(np.stack([columns, rows, np.full_like(rows, 255)], axis=-1))


def test_areas_are_uniform_and_shapes_within_their_bounds():
    boxes = np.array([RandomArea(24, (0, 0, n)).box((300, 240)) for n in range(2000)])
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    assert boxes.min() >= 0
    assert boxes[:, 2].max() <= 300
    assert boxes[:, 3].max() <= 240
    # Sides are rounded to whole pixels, of 68 at least.
    assert (np.abs(np.log(width / height)) < np.log(4 / 3) * 1.02 + 0.01).all()
    # Large parts are drawn again where they do not fit; below half of the area all do.
    areas = width * height / (300 * 240)
    small = areas[areas < 0.5]
    assert stats.kstest(small, "uniform", (0.08, 0.42)).pvalue > 0.001
    assert areas.max() > 0.9


def test_where_no_part_fits_it_is_the_largest_central_one():
    assert RandomArea(8, (1,)).box((1000, 3)) == (498, 0, 502, 3)
    assert RandomArea(8, (1,)).box((3, 1000)) == (0, 498, 3, 502)


@pytest.mark.parametrize("kind", [RandomArea, RandomScale])
def test_a_mask_is_cut_as_its_picture(kind):
    picture = coordinates()
    mask = Image.fromarray(np.asarray(picture)[..., 0], "L")
    for number in range(20):
        key = (3, 1, number)
        cut, indices = (kind(32, key, flag)(it) for flag, it in ((False, picture), (True, mask)))
        cut, indices = np.asarray(cut).astype(int), np.asarray(indices).astype(int)
        assert cut.shape == (32, 32, 3)
        assert indices.shape == (32, 32)
        inside = cut[..., 2] == 255
        # Blended columns are within a pixel of the nearest one, or two where it shrinks by half.
        assert np.abs(cut[..., 0] - indices)[inside].max() <= 3


def test_scales_reach_from_half_to_twice_and_what_is_missing_is_black_and_void():
    picture = coordinates(40, 40)
    mask = Image.fromarray(np.asarray(picture)[..., 0], "L")
    steps, padded = [], 0
    for number in range(300):
        found = np.asarray(RandomScale(32, (number,))(picture)).astype(int)
        indices = np.asarray(RandomScale(32, (number,), True)(mask))
        outside = indices == 255
        padded += bool(outside.any())
        assert (found[outside] == 0).all()
        columns = found[0, found[0, :, 2] > 0, 0]
        steps.append((columns[-3] - columns[2]) / (len(columns) - 5))
    # One pixel is 40/16 columns of the smallest and 40/62 of the largest; columns are whole.
    assert 2.3 < max(steps) < 2.7
    assert 0.5 < min(steps) < 0.75
    # 16 of the 47 equally likely sides, 16 to 62, are below 32: six standard deviations.
    assert abs(padded - 300 * 16 / 47) < 6 * np.sqrt(300 * 16 / 47 * 31 / 47)


def test_a_cut_depends_on_its_key_alone():
    picture = coordinates()
    for kind in ("area", "scale"):
        cuts = [random_cut(kind, Geometry(32), 32, (0, epoch, 5)) for epoch in (0, 0, 1)]
        first, again, other = (np.asarray(cut(picture)) for cut in cuts)
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)
    assert random_cut("centre", Geometry(32), 32, (0, 0, 5)) == Geometry(32)


def test_strips_that_would_grow_without_bounds_do_not_fit():
    assert not RandomScale(513, ()).fits((1, 500))
    assert RandomScale(513, ()).fits((300, 500))
