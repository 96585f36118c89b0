"""Windows of every kind: wide ones, not-a-numbers, padding in and out of the average."""

import numpy as np
import pytest

from sparseprune import _cpu

WINDOWS = [
    {"kernel": (3, 3), "stride": (2, 2), "pad_begin": (1, 1), "pad_end": (1, 1)},
    {"kernel": (2, 2), "stride": (2, 2)},
    {"kernel": (1, 5), "stride": (1, 1), "pad_begin": (0, 2), "pad_end": (0, 2)},
    {"kernel": (5, 1), "stride": (7, 3), "pad_begin": (4, 0), "pad_end": (1, 0)},
    {"kernel": (9, 70), "stride": (1, 1), "pad_begin": (4, 35), "pad_end": (4, 34)},
]
NAMES = ["3x3", "2x2", "row", "column", "wide"]


def counts(size, window, engine):
    """Positions of the map in each window."""
    ones = np.ones((1, 1, *size))
    kernel = np.ones((1, 1, *window["kernel"]))
    rest = {name: value for name, value in window.items() if name != "kernel"}
    return engine.convolve(ones, kernel, **rest)


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("window", WINDOWS, ids=NAMES)
@pytest.mark.parametrize("size", [(9, 9), (13, 75)], ids=str)
def test_maximum(isa, batch, window, size, engine, rng):
    x = -1 - np.abs(engine.floats(rng, batch, 3, *size))
    found = engine.run([_cpu.max_pool("p", 0, 1, **window)], [x], isa=isa)
    np.testing.assert_array_equal(found, engine.max_pool(x, **window))


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("window", WINDOWS, ids=NAMES)
def test_every_nan_of_a_window_stays(isa, batch, window, engine, rng):
    """Wherever in the window, also beside infinities of both signs."""
    x = engine.floats(rng, batch, 2, 11, 20)
    draw = rng.random(x.shape)
    x[draw < 0.06], x[draw < 0.04], x[draw < 0.02] = np.inf, -np.inf, np.nan
    found = engine.run([_cpu.max_pool("p", 0, 1, **window)], [x], isa=isa)
    expected = engine.max_pool(x, **window)
    assert np.isnan(expected).any()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("window", WINDOWS, ids=NAMES)
@pytest.mark.parametrize("size", [(9, 9), (13, 75)], ids=str)
def test_average(isa, batch, counted, window, size, engine, rng):
    x = engine.floats(rng, batch, 3, *size)
    node = _cpu.average_pool("p", 0, 1, **window, count_padding=counted)
    found = engine.run([node], [x], isa=isa)
    kernel = np.zeros((3, 3, *window["kernel"]), np.float32)
    kernel[range(3), range(3)] = 1
    rest = {name: value for name, value in window.items() if name != "kernel"}
    taps = int(np.prod(window["kernel"]))
    divisor = taps if counted else counts(size, window, engine)
    expected = engine.convolve(x, kernel, **rest) / divisor
    bound = engine.convolve(np.abs(x), kernel, **rest) / divisor
    engine.assert_within(found, expected, engine.gamma(taps + 1) * bound)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("pool", [_cpu.average_pool, _cpu.max_pool])
def test_what_no_window_sees_goes_no_further(isa, value, pool, engine, rng):
    """A lane beyond the map does see it, and its neighbours read that lane as padding."""
    x = engine.integers(rng, 1, 1, 11, 11)
    x[0, 0, 9:], x[0, 0, :, 9:] = value, value
    ones = {"pad_begin": (1, 1), "pad_end": (1, 1)}
    nodes = [pool("p", 0, 1, (3, 3), stride=(3, 3))]
    nodes += [_cpu.conv("c", 1, 2, np.ones((1, 1, 3, 3), np.float32), **ones)]
    assert np.isfinite(engine.run(nodes, [x], isa=isa)).all()
