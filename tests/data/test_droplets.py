"""The image processing behind spatter, against pixel-by-pixel references."""

import numpy as np
import pytest
from scipy import ndimage

from sparseprune.data.corruptions import blur, corrupt, droplets, edges


@pytest.fixture(scope="module")
def drops():
    """Thresholded smooth noise as spatter makes it: uint8 [12, 30, 41]."""
    liquid = blur.smooth(np.random.default_rng(0).normal(0.65, 0.3, (12, 30, 41)), 1)
    return (np.where(liquid < 0.69, 0, liquid) * 255).astype(np.uint8)


def reference_canny(image: np.ndarray, low: int, high: int) -> np.ndarray:
    """Canny as OpenCV does it, written with angles instead of fixed point."""
    padded = np.pad(image.astype(int), 1, mode="edge")
    height, width = image.shape
    window = {
        (a, b): padded[1 + a : 1 + a + height, 1 + b : 1 + b + width]
        for a in (-1, 0, 1)
        for b in (-1, 0, 1)
    }
    smooth = {-1: 1, 0: 2, 1: 1}
    x = sum(smooth[a] * (window[a, 1] - window[a, -1]) for a in smooth)
    y = sum(smooth[b] * (window[1, b] - window[-1, b]) for b in smooth)
    length = np.pad(np.abs(x) + np.abs(y), 1)
    keep = np.zeros(image.shape, bool)
    for h, w in np.argwhere(length[1:-1, 1:-1] > low):
        here = length[h + 1, w + 1]
        angle = np.degrees(np.arctan2(abs(y[h, w]), abs(x[h, w])))
        if angle < 22.5:
            keep[h, w] = here > length[h + 1, w] and here >= length[h + 1, w + 2]
        elif angle > 67.5:
            keep[h, w] = here > length[h, w + 1] and here >= length[h + 2, w + 1]
        else:
            side = -1 if (x[h, w] < 0) != (y[h, w] < 0) else 1
            keep[h, w] = here > length[h, w + 1 - side] and here > length[h + 2, w + 1 + side]
    strong = keep & (length[1:-1, 1:-1] > high)
    return ndimage.binary_propagation(strong, np.ones((3, 3)), mask=keep)


def test_canny_finds_the_edges_of_the_reference(drops):
    found = edges.canny(drops, 50, 150)
    assert 0 < found.mean() < 0.5
    for image, result in zip(drops, found, strict=True):
        np.testing.assert_array_equal(result, reference_canny(image, 50, 150))


def test_edges_do_not_connect_across_the_batch():
    faint = np.zeros((2, 16, 16), np.uint8)
    faint[0, :, 8:] = 200  # strong: 4 x 200 > 150
    faint[1, :, 8:] = 20  # weak: 50 < 80 < 150, and nothing strong in its own picture
    found = edges.canny(faint, 50, 150)
    assert found[0].any()
    assert not found[1].any()


def chamfer(dy: int, dx: int) -> float:
    """Cheapest way by steps (1, 0), (1, 1) and (2, 1) of cost 1, 1.4 and 2.1969."""
    long, short = max(abs(dy), abs(dx)), min(abs(dy), abs(dx))
    if 2 * short <= long:
        return short * 2.1969 + (long - 2 * short)
    return (long - short) * 2.1969 + (2 * short - long) * 1.4


def test_distance_is_the_chamfer_distance_to_the_nearest_edge():
    marks = np.random.default_rng(0).random((4, 24, 31)) < 0.01
    marks[3] = False
    found = edges.distance(marks, 20)
    for image, result in zip(marks, found, strict=True):
        places = np.argwhere(image)
        for y in range(24):
            for x in range(31):
                nearest = min([chamfer(y - a, x - b) for a, b in places], default=99)
                # At most 20 float32 sums of values up to 20.
                assert abs(result[y, x] - min(nearest, 20)) <= 20 * 20 * 2**-24


def test_equalise_spreads_the_ranks():
    image = np.repeat(np.array((3, 7, 9), np.uint8), (50, 30, 20)).reshape(1, 10, 10)
    found = edges.equalise(image)
    assert sorted(set(found.ravel().tolist())) == [0, 153, 255]  # 255 x (0, 30, 50) / 50
    flat = np.full((1, 10, 10), 20, np.uint8)
    np.testing.assert_array_equal(edges.equalise(flat), flat)


def test_box_averages_mirrored_neighbourhoods():
    image = np.arange(16).reshape(1, 4, 4) ** 2
    padded = np.pad(image[0], 1, mode="reflect")
    expected = [[padded[y : y + 3, x : x + 3].mean() for x in range(4)] for y in range(4)]
    np.testing.assert_allclose(edges.box(image)[0], expected, rtol=4 * 2**-53)


def test_pictures_without_drops_stay_dry(grey):
    generators = [np.random.default_rng(0)] * len(grey)
    dry = (0.1, 0.01, 0.7, 0.7, 0.5, 0)
    found = droplets.spatter(grey, dry, generators)
    # To float32 and back: 255 x 2^-24 twice, and the luma of three equal channels.
    np.testing.assert_allclose(found, grey, atol=255 * 8 * 2**-24)


def test_water_brightens_and_mud_is_brown(colour):
    water = corrupt(colour, "spatter", 2).astype(int)
    assert (water >= colour.astype(int) - 1).all()
    white = np.full_like(colour, 255)
    mud = corrupt(white, "spatter", 5).reshape(-1, 3).astype(int)
    covered = mud[mud[:, 0] < 200]
    assert len(covered) > 50
    assert (covered[:, 0] > covered[:, 1]).all()
    assert (covered[:, 1] > covered[:, 2]).all()
