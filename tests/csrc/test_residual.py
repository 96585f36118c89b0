"""A sum in a convolution's epilogue, written over its residual where nobody reads that again."""

import numpy as np
import pytest

from sparseprune import _cpu

ONES = {"pad_begin": (1, 1), "pad_end": (1, 1)}


@pytest.fixture
def layers(engine, rng):
    """Three layers of six channels, small integers, with rows of one range and of several."""
    return [
        engine.pruned(rng, engine.integers(rng, 6, 6, 3, 3, most=2), density)
        for density in (0.2, 0.5, 1.0)
    ]


def convolve(engine, x, weight):
    return engine.convolve(x, weight, **ONES)


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (1, 3)], ids=str)
@pytest.mark.parametrize("batch", [1, 17])
def test_a_residual_not_read_again(isa, batch, size, layers, engine, rng):
    x = engine.integers(rng, batch, 6, *size)
    nodes = [
        _cpu.conv("a", 0, 1, layers[0], **ONES),
        _cpu.conv("b", 1, 2, layers[1], **ONES),
        _cpu.conv("c", 2, 3, layers[2], **ONES),
        _cpu.add("sum", 3, 1, 4),
        _cpu.relu("relu", 4, 5),
        _cpu.conv("d", 5, 6, layers[0], **ONES),
    ]
    first = convolve(engine, x, layers[0])
    second = convolve(engine, convolve(engine, first, layers[1]), layers[2])
    expected = convolve(engine, np.maximum(first + second, 0), layers[0])
    np.testing.assert_array_equal(engine.run(nodes, [x], isa=isa), expected)


@pytest.mark.parametrize("kernel", [1, 3])
def test_the_input_as_residual(isa, kernel, engine, rng):
    """Every channel still reads what every sum would overwrite."""
    x, pad = engine.integers(rng, 1, 6, 9, 9), (kernel // 2,) * 2
    window = {"pad_begin": pad, "pad_end": pad}
    weight = engine.integers(rng, 6, 6, kernel, kernel)
    nodes = [
        _cpu.relu("relu", 0, 1),
        _cpu.conv("a", 1, 2, weight, **window),
        _cpu.conv("b", 2, 3, weight, **window),
        _cpu.add("sum", 3, 2, 4),
    ]
    made = engine.convolve(np.maximum(x, 0), weight, **window)
    expected = engine.convolve(made, weight, **window) + made
    np.testing.assert_array_equal(engine.run(nodes, [x], isa=isa), expected)


def test_a_residual_read_later(isa, layers, engine, rng):
    """By a layer, by a second sum, and as an output of the network."""
    x = engine.integers(rng, 1, 6, 8, 8)
    nodes = [
        _cpu.conv("a", 0, 1, layers[0], **ONES),
        _cpu.conv("b", 1, 2, layers[1], **ONES),
        _cpu.add("sum", 2, 1, 3),
        _cpu.conv("c", 1, 4, layers[2], **ONES),
        _cpu.add("again", 4, 1, 5),
        _cpu.flatten("flat", 1, 6),
    ]
    first = convolve(engine, x, layers[0])
    expected = [
        convolve(engine, first, layers[1]) + first,
        convolve(engine, first, layers[2]) + first,
        first.reshape(1, -1),
    ]
    found = engine.run(nodes, [x], [3, 5, 6], isa=isa)
    for made, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(made, right)


def test_a_network_input_as_residual(isa, layers, engine, rng):
    """The caller's array is read, never written."""
    x = engine.integers(rng, 17, 6, 5, 5)
    before = x.copy()
    nodes = [_cpu.conv("a", 0, 1, layers[2], **ONES), _cpu.add("sum", 1, 0, 2)]
    found = engine.run(nodes, [x], isa=isa)
    np.testing.assert_array_equal(found, convolve(engine, x, layers[2]) + x)
    np.testing.assert_array_equal(x, before)
