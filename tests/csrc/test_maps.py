"""Pooling, averages, sums, ReLU and flattening, alone and behind a convolution."""

import numpy as np
import pytest

from sparseprune import _cpu

BATCHES = [1, 2, 16, 21]


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(
    "window",
    [
        {"kernel": (2, 2), "stride": (2, 2)},
        {"kernel": (3, 3), "stride": (2, 2), "pad_begin": (1, 1), "pad_end": (1, 1)},
        {"kernel": (3, 2), "stride": (1, 3), "pad_begin": (0, 1), "pad_end": (2, 0)},
    ],
    ids=["halves", "padded", "odd"],
)
@pytest.mark.parametrize("size", [(8, 8), (7, 15)], ids=str)
def test_max_pool(isa, batch, window, size, engine, rng):
    """All inputs negative: a padding that counted as zero would win."""
    x = -1 - np.abs(engine.floats(rng, batch, 3, *size))
    found = engine.run([_cpu.max_pool("p", 0, 1, **window)], [x], isa=isa)
    np.testing.assert_array_equal(found, engine.max_pool(x, **window))


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("batch", BATCHES)
def test_max_pool_behind_a_convolution(isa, relu, batch, engine, rng):
    weight = engine.integers(rng, 5, 2, 3, 3)
    x, bias = engine.integers(rng, batch, 2, 11, 11), engine.integers(rng, 5) - 40
    ones = {"pad_begin": (1, 1), "pad_end": (1, 1)}
    nodes = [_cpu.conv("c", 0, 1, weight, bias, **ones)]
    if relu:
        nodes.append(_cpu.relu("r", 1, 2))
    at = len(nodes)
    nodes.append(_cpu.max_pool("p", at, at + 1, (3, 3), stride=(2, 2), **ones))
    made = engine.convolve(x, weight, bias, **ones)
    expected = engine.max_pool(np.maximum(made, 0) if relu else made, 3, 2, 1, 1)
    np.testing.assert_array_equal(engine.run(nodes, [x], isa=isa), expected)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("size", [(1, 1), (4, 4), (7, 5), (16, 16)], ids=str)
@pytest.mark.parametrize("keep", [False, True])
def test_global_average(isa, batch, size, keep, engine, rng):
    x = engine.floats(rng, batch, 3, *size)
    node = _cpu.global_average_pool("g", 0, 1, keep_dims=keep)
    found = engine.run([node], [x], isa=isa)
    wide = x.astype(np.float64)
    bound = engine.gamma(size[0] * size[1] + 1) * np.abs(wide).mean((2, 3), keepdims=keep)
    engine.assert_within(found, wide.mean((2, 3), keepdims=keep), bound)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (9, 9)], ids=str)
def test_add_and_relu(isa, batch, size, engine, rng):
    a, b = engine.integers(rng, batch, 3, *size), engine.integers(rng, batch, 3, *size)
    nodes = [_cpu.add("s", 0, 1, 2), _cpu.relu("r", 2, 3), _cpu.add("t", 3, 0, 4)]
    found = engine.run(nodes, [a, b], [2, 3, 4], isa=isa)
    for array, expected in zip(
        found, [a + b, np.maximum(a + b, 0), np.maximum(a + b, 0) + a], strict=True
    ):
        np.testing.assert_array_equal(array, expected)


def test_a_value_added_to_itself(isa, engine, rng):
    x, weight = engine.integers(rng, 1, 2, 6, 6), engine.integers(rng, 3, 2, 1, 1)
    nodes = [_cpu.conv("c", 0, 1, weight), _cpu.add("s", 1, 1, 2)]
    np.testing.assert_array_equal(engine.run(nodes, [x], isa=isa), 2 * engine.convolve(x, weight))


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("size", [(1, 1), (3, 3), (6, 10)], ids=str)
def test_flatten_before_linear(isa, batch, size, engine, rng):
    x, weight = engine.integers(rng, batch, 2, *size), engine.integers(rng, 4, 2, 3, 3)
    head = engine.integers(rng, 7, 4 * size[0] * size[1])
    ones = {"pad_begin": (1, 1), "pad_end": (1, 1)}
    nodes = [_cpu.conv("c", 0, 1, weight, **ones), _cpu.flatten("f", 1, 2)]
    nodes += [_cpu.linear("l", 2, 3, head)]
    flat, logits = engine.run(nodes, [x], [2, 3], isa=isa)
    expected = engine.convolve(x, weight, **ones).reshape(batch, -1)
    np.testing.assert_array_equal(flat, expected)
    np.testing.assert_array_equal(logits, expected @ head.T)


@pytest.mark.parametrize("batch", BATCHES)
def test_convolution_of_an_average(isa, batch, engine, rng):
    """A 1 x 1 map between an average and a padded 3 x 3 convolution."""
    x, weight = engine.integers(rng, batch, 5, 4, 4), engine.integers(rng, 3, 5, 3, 3)
    ones = {"pad_begin": (1, 1), "pad_end": (1, 1)}
    nodes = [_cpu.global_average_pool("g", 0, 1), _cpu.relu("r", 1, 2)]
    nodes += [_cpu.conv("c", 2, 3, weight, **ones), _cpu.flatten("f", 3, 4)]
    mean = np.maximum(x.astype(np.float64).mean((2, 3), keepdims=True), 0)
    expected = engine.convolve(mean, weight, **ones).reshape(batch, -1)
    np.testing.assert_array_equal(engine.run(nodes, [x], isa=isa), expected)


def test_inputs_as_outputs(isa, engine, rng):
    x = engine.integers(rng, 3, 2, 5, 5)
    flat, same = engine.run([_cpu.flatten("f", 0, 1)], [x], [1, 0], isa=isa)
    np.testing.assert_array_equal(flat, x.reshape(3, -1))
    np.testing.assert_array_equal(same, x)
