"""Softmax over features against float64, for one vector, images in lanes and groups of them."""

import numpy as np
import pytest

from sparseprune import _cpu

UNIT, TINY = 2.0**-24, 2.0**-149


def softmax(x):
    x = x.astype(np.float64)
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def bound(engine, x):
    """x - max is rounded, which moves e^x by as much, relatively; e^x rounds (exp-inl.h); the sum
    adds, the quotient rounds."""
    distance = x.astype(np.float64).max(1, keepdims=True) - x
    exact = softmax(x)
    each = UNIT * (distance + 1.5)
    total = (exact * each).sum(1, keepdims=True) + engine.gamma(x.shape[1])
    return 1.01 * exact * (each + total + UNIT) + 2 * TINY  # products of errors are under 1 %


@pytest.mark.parametrize("batch", [1, 2, 5, 16, 33, 200])
@pytest.mark.parametrize("features", [1, 2, 7, 16, 45, 1000])
def test_softmax(isa, batch, features, engine, rng):
    x = 3 * engine.floats(rng, batch, features)
    found = engine.run([_cpu.softmax("s", 0, 1)], [x], isa=isa)
    engine.assert_within(found, softmax(x), bound(engine, x))


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("scale", [1e-30, 40, 1e4, 3e38])
def test_far_apart(isa, batch, scale, engine, rng):
    """Nothing overflows; what is far below the largest is a denormal, then zero."""
    x = rng.uniform(-1, 1, (batch, 30)).astype(np.float32) * np.float32(scale)
    found = engine.run([_cpu.softmax("s", 0, 1)], [x], isa=isa)
    with np.errstate(over="ignore"):
        engine.assert_within(found, softmax(x), bound(engine, x))


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize(
    ("values", "nan"),
    [
        ([np.nan, 1], True),
        ([1, np.nan, 3], True),
        ([np.inf, 1], True),
        ([-np.inf, -np.inf], True),
        ([-np.inf, 0, 0], False),
    ],
)
def test_special_values(isa, batch, values, nan, engine):
    x = np.tile(np.float32(values), (batch, 1))
    found = engine.run([_cpu.softmax("s", 0, 1)], [x], isa=isa)
    expected = np.full_like(x, np.nan) if nan else np.where(np.isinf(x), 0, 0.5)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("batch", [1, 4, 17])
def test_behind_layers(isa, batch, engine, rng):
    x, weight = engine.integers(rng, batch, 4, 6, 6), engine.integers(rng, 9, 4, most=1)
    nodes = [_cpu.global_average_pool("g", 0, 1, keep_dims=False)]
    nodes += [_cpu.linear("l", 1, 2, weight), _cpu.softmax("s", 2, 3)]
    logits, found = engine.run(nodes, [x], [2, 3], isa=isa)
    engine.assert_within(found, softmax(logits), bound(engine, logits))
