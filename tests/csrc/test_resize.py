"""Resized maps: nearest exactly, bilinear within its rounding bound."""

import numpy as np
import pytest

from sparseprune import _cpu

BATCHES = [1, 3, 16]
ONES = {"pad_begin": (1, 1), "pad_end": (1, 1)}
CASES = [
    ((4, 4), (8, 8)),
    ((7, 5), (14, 15)),
    ((6, 9), (4, 13)),
    ((1, 1), (7, 9)),
    ((8, 8), (8, 8)),
]
CASES += [((16, 16), (64, 32)), ((9, 3), (1, 1)), ((20, 28), (40, 56))]


def nearest(x, size):
    rows, cols = (np.arange(to) * at // to for to, at in zip(size, x.shape[2:], strict=True))
    return x[:, :, rows[:, None], cols]


def matrix(mode, at, to):
    """[to, at]: how much each input position counts in each output position."""
    p = np.arange(to, dtype=np.float64)
    corners = mode == "bilinear_corners"
    centre = p * (at - 1) / max(to - 1, 1) if corners else (p + 0.5) * at / to - 0.5
    centre = np.clip(centre, 0, at - 1)
    before = np.floor(centre).astype(int)
    weights = np.zeros((to, at))
    np.add.at(weights, (range(to), before), 1 - (centre - before))
    np.add.at(weights, (range(to), np.minimum(before + 1, at - 1)), centre - before)
    return weights


def bilinear(mode, x, size):
    down, across = (matrix(mode, at, to) for at, to in zip(x.shape[2:], size, strict=True))
    return np.einsum("ya,ncab,xb->ncyx", down, x.astype(np.float64), across)


def expected(mode, x, size):
    return nearest(x, size) if mode == "nearest" else bilinear(mode, x, size)


def bound(engine, mode, x, size):
    """Each of four terms: weight, product, three sums. The positions, in float64, do not count."""
    if mode == "nearest":
        return 0
    return engine.gamma(6) * bilinear(mode, np.abs(x), size)


MODES = ["nearest", "bilinear", "bilinear_corners"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(("size", "to"), CASES, ids=str)
def test_resize(isa, mode, batch, size, to, engine, rng):
    x = engine.floats(rng, batch, 3, *size)
    found = engine.run([_cpu.resize("r", 0, 1, to, mode)], [x], isa=isa)
    engine.assert_within(found, expected(mode, x, to), bound(engine, mode, x, to))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(("size", "to"), CASES, ids=str)
def test_between_convolutions(isa, mode, batch, size, to, engine, rng):
    """Made in lanes and read with a halo, which is zero outside the map."""
    first, last = engine.integers(rng, 5, 2, 3, 3), engine.integers(rng, 2, 5, 3, 3)
    x = engine.integers(rng, batch, 2, *size)
    nodes = [_cpu.conv("c", 0, 1, first, **ONES), _cpu.resize("r", 1, 2, to, mode)]
    nodes.append(_cpu.conv("d", 2, 3, last, **ONES))
    before, resized, after = engine.run(nodes, [x], [1, 2, 3], isa=isa)
    np.testing.assert_array_equal(before, engine.convolve(x, first, **ONES))
    engine.assert_within(resized, expected(mode, before, to), bound(engine, mode, before, to))
    error = engine.convolve_bound(resized, last, **ONES)
    engine.assert_within(after, engine.convolve(resized, last, **ONES), error)


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("mode", MODES)
def test_infinity_stays_where_it_is(isa, batch, mode, engine):
    """Positions that fall on one input position do not see its neighbours."""
    x = np.ones((batch, 1, 5, 5), np.float32)
    x[:, 0, 2, 2] = np.inf
    found = engine.run([_cpu.resize("r", 0, 1, (5, 5), mode)], [x], isa=isa)
    np.testing.assert_array_equal(found, x)
