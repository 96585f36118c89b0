"""Maps on their way into lanes, from one grid of lanes to another, and out again."""

import numpy as np
import pytest

from sparseprune import _cpu

SIZES = [(1, 1), (2, 3), (5, 4), (7, 7), (16, 9), (31, 17), (40, 66)]


def identity(channels):
    return np.eye(channels, dtype=np.float32).reshape(channels, channels, 1, 1)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("channels", [1, 3, 8, 17])
def test_one_image_in_and_out(isa, size, channels, engine, rng):
    x = engine.floats(rng, 1, channels, *size)
    found = engine.run([_cpu.conv("c", 0, 1, identity(channels))], [x], isa=isa)
    np.testing.assert_array_equal(found, x)


@pytest.mark.parametrize("size", SIZES[:5], ids=str)
@pytest.mark.parametrize("batch", [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33])
def test_many_images_in_and_out(isa, batch, size, engine, rng):
    """With a halo, and each image on its own: a wrong lane would show."""
    x = engine.floats(rng, batch, 5, *size)
    weight = np.zeros((5, 5, 3, 3), np.float32)
    weight[:, :, 1, 1] = np.eye(5)
    node = _cpu.conv("c", 0, 1, weight, pad_begin=(1, 1), pad_end=(1, 1))
    np.testing.assert_array_equal(engine.run([node], [x], isa=isa), x)


@pytest.mark.parametrize("features", [1, 5, 16, 33, 130])
@pytest.mark.parametrize("batch", [2, 5, 16, 33, 130])
def test_vectors_in_and_out(isa, batch, features, engine, rng):
    x = engine.floats(rng, batch, features)
    node = _cpu.linear("l", 0, 1, np.eye(features, dtype=np.float32))
    np.testing.assert_array_equal(engine.run([node], [x], isa=isa), x)


@pytest.mark.parametrize("size", [(28, 28), (56, 56), (29, 23), (20, 50)], ids=str)
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("stride", [(2, 2), (1, 2), (3, 2)], ids=str)
def test_from_grid_to_grid(isa, size, kernel, stride, engine, rng):
    """Smaller and smaller maps, each cut into lanes as suits it best."""
    window = {"stride": stride, "pad_begin": (kernel // 2,) * 2, "pad_end": (kernel // 2,) * 2}
    x, nodes, expected = engine.integers(rng, 1, 11, *size), [], []
    same = {"pad_begin": (1, 1), "pad_end": (1, 1)}
    made = x
    for i in range(0, 6, 2):
        inside = engine.pruned(rng, engine.integers(rng, 11, 11, 3, 3, most=1), 0.1)
        down = engine.pruned(rng, engine.integers(rng, 11, 11, kernel, kernel, most=1), 0.3)
        nodes += [_cpu.conv(f"a{i}", i, i + 1, inside, **same)]
        nodes += [_cpu.conv(f"b{i}", i + 1, i + 2, down, **window)]
        expected.append(engine.convolve(made, inside, **same))
        expected.append(made := engine.convolve(expected[-1], down, **window))
    found = engine.run(nodes, [x], list(range(1, 7)), isa=isa)
    assert np.abs(expected[-1]).max() < 2**24, "sums are not exact"
    for array, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(array, wanted)
