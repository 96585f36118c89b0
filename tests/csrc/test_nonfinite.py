"""NaN, infinity and denormals: a pruned weight hides its input, a kept one passes it on."""

import numpy as np
import pytest

from sparseprune import _cpu

SPECIAL = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("value", SPECIAL)
@pytest.mark.parametrize("density", [0.1, 0.6, 0.95])
@pytest.mark.parametrize("batch", [1, 16])
def test_only_kept_weights_see_an_input(isa, value, density, batch, engine, rng):
    """One bad channel reaches exactly the outputs that keep a weight for it."""
    weight = engine.pruned(rng, engine.integers(rng, 13, 6, 3, 3) + 4, density)
    x = engine.integers(rng, batch, 6, 9, 9)
    x[:, 2] = value
    window = {"pad_begin": (1, 1), "pad_end": (1, 1)}
    found = engine.run([_cpu.conv("c", 0, 1, weight, **window)], [x], isa=isa)
    clean = np.where(np.isfinite(x), x, 0)
    expected = engine.convolve(clean, weight, **window)
    reached = engine.convolve(np.ones_like(x[:, 2:3]), weight[:, 2:3] != 0, **window) > 0
    assert not np.isfinite(found[reached]).any()
    np.testing.assert_array_equal(found[~reached], expected[~reached])


@pytest.mark.parametrize("value", SPECIAL)
@pytest.mark.parametrize("rows", [1, 4, 40])
@pytest.mark.parametrize("density", [0.2, 0.9])
def test_linear(isa, value, rows, density, engine, rng):
    weight = engine.pruned(rng, engine.integers(rng, 33, 20) + 4, density)
    x = engine.integers(rng, rows, 20)
    x[:, 7] = value
    found = engine.run([_cpu.linear("l", 0, 1, weight)], [x], isa=isa)
    hidden = np.broadcast_to(weight[:, 7] == 0, found.shape)
    assert not np.isfinite(found[~hidden]).any()
    x[:, 7] = 0
    np.testing.assert_array_equal(found[hidden], (x.astype(np.float64) @ weight.T)[hidden])


@pytest.mark.parametrize("batch", [1, 16])
def test_kept_non_finite_weights(isa, batch, engine, rng):
    weight = engine.integers(rng, 6, 3, 1, 1) + 4
    weight[1, 0], weight[4, 2] = np.nan, np.inf
    x = 1 + np.abs(engine.integers(rng, batch, 3, 5, 5))
    found = engine.run([_cpu.conv("c", 0, 1, weight)], [x], isa=isa)
    assert np.isnan(found[:, 1]).all()
    assert np.isposinf(found[:, 4]).all()
    assert np.isfinite(found[:, [0, 2, 3, 5]]).all()


@pytest.mark.parametrize("batch", [1, 16])
def test_relu_keeps_nan(isa, batch, engine):
    """Behind a layer and alone, as ONNX Runtime's Relu does."""
    x = np.full((batch, 2, 4, 4), -3, np.float32)
    x[:, 0, 1, 2], x[:, 1, 0, 0] = np.nan, np.inf
    weight = np.eye(2, dtype=np.float32).reshape(2, 2, 1, 1)
    expected = np.where(x < 0, 0, x)
    joined = [_cpu.conv("c", 0, 1, weight), _cpu.relu("r", 1, 2)]
    np.testing.assert_array_equal(engine.run([_cpu.relu("r", 0, 1)], [x], isa=isa), expected)
    np.testing.assert_array_equal(engine.run(joined, [x], isa=isa), expected)
    flat = np.ascontiguousarray(x.reshape(batch, -1))
    found = engine.run([_cpu.relu("r", 0, 1)], [flat], isa=isa)
    np.testing.assert_array_equal(found, expected.reshape(batch, -1))


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("at", [(0, 0), (0, 1), (1, 0), (1, 1)], ids=str)
def test_max_pool_keeps_nan(isa, batch, at, engine):
    """Wherever in the window it stands."""
    x = np.ones((batch, 1, 6, 6), np.float32)
    x[:, 0, 2 + at[0], 4 + at[1]] = np.nan
    found = engine.run([_cpu.max_pool("p", 0, 1, (2, 2), stride=(2, 2))], [x], isa=isa)
    expected = np.ones((batch, 1, 3, 3), np.float32)
    expected[:, 0, 1, 2] = np.nan
    np.testing.assert_array_equal(found, expected)


def test_infinities_in_sums_and_averages(isa, engine):
    x = np.ones((1, 2, 5, 5), np.float32)
    x[0, 0, 2, 2], x[0, 1, 4, 4] = np.inf, np.nan
    found = engine.run([_cpu.global_average_pool("g", 0, 1, keep_dims=False)], [x], isa=isa)
    np.testing.assert_array_equal(found, [[np.inf, np.nan]])


@pytest.mark.parametrize("batch", [1, 16])
def test_denormals_are_kept(isa, batch, engine):
    tiny = np.float32(2.0**-140)
    x = np.full((batch, 3, 4, 4), tiny)
    weight = np.full((2, 3, 1, 1), 2, np.float32)
    found = engine.run([_cpu.conv("c", 0, 1, weight)], [x], isa=isa)
    np.testing.assert_array_equal(found, np.full((batch, 2, 4, 4), 6 * tiny))


def test_negative_zero_is_a_pruned_weight(isa, engine):
    weight = np.array([[[[-0.0]], [[2.0]]]], np.float32)
    x = np.ones((1, 2, 3, 3), np.float32)
    x[:, 0] = np.nan
    found = engine.run([_cpu.conv("c", 0, 1, weight)], [x], isa=isa)
    np.testing.assert_array_equal(found, np.full((1, 1, 3, 3), 2, np.float32))
