"""Linear layers: one vector, a few, many; sparse, blocked and dense."""

import numpy as np
import pytest

from sparseprune import _cpu


@pytest.mark.parametrize("rows", [1, 2, 3, 8, 15, 16, 17, 33, 128, 300])
@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
def test_batches(isa, rows, density, engine, rng):
    weight = engine.pruned(rng, engine.integers(rng, 21, 50) + 4, density)
    x, bias = engine.integers(rng, rows, 50), engine.integers(rng, 21)
    found = engine.run([_cpu.linear("l", 0, 1, weight, bias)], [x], isa=isa)
    np.testing.assert_array_equal(found, x.astype(np.float64) @ weight.T + bias)


@pytest.mark.parametrize("rows", [1, 40])
@pytest.mark.parametrize("density", [0.05, 0.3, 1.0])
def test_rounding(isa, rows, density, engine, rng):
    weight = engine.pruned(rng, engine.floats(rng, 37, 200), density)
    x, bias = engine.floats(rng, rows, 200), engine.floats(rng, 37)
    found = engine.run([_cpu.linear("l", 0, 1, weight, bias)], [x], isa=isa)
    wide = [a.astype(np.float64) for a in (x, weight, bias)]
    kept = int(np.count_nonzero(weight, axis=1).max())
    bound = engine.gamma(kept + 5) * (abs(wide[0]) @ abs(wide[1]).T + abs(wide[2]))
    engine.assert_within(found, wide[0] @ wide[1].T + wide[2], bound)


@pytest.mark.parametrize("block", [4, 8, 16])
@pytest.mark.parametrize("features", [1, 5, 16, 17, 64])
def test_blocks_of_rows(isa, block, features, engine, rng):
    weight = engine.pruned(rng, engine.integers(rng, features, 40) + 4, 0.3, block)
    for rows in (1, 20):
        x = engine.integers(rng, rows, 40)
        found = engine.run([_cpu.linear("l", 0, 1, weight)], [x], isa=isa)
        np.testing.assert_array_equal(found, x.astype(np.float64) @ weight.T)


def test_more_inputs_than_sixteen_bits(isa, engine, rng):
    weight = engine.pruned(rng, engine.integers(rng, 3, 140_000, most=1), 0.01)
    for rows in (1, 2):
        x = engine.integers(rng, rows, 140_000, most=1)
        found = engine.run([_cpu.linear("l", 0, 1, weight)], [x], isa=isa)
        np.testing.assert_array_equal(found, x.astype(np.float64) @ weight.T)


@pytest.mark.parametrize("rows", [1, 7, 50])
def test_two_layers(isa, rows, engine, rng):
    first, second = engine.integers(rng, 30, 12), engine.integers(rng, 5, 30)
    x = engine.integers(rng, rows, 12)
    nodes = [_cpu.linear("a", 0, 1, first), _cpu.relu("r", 1, 2), _cpu.linear("b", 2, 3, second)]
    hidden = np.maximum(x.astype(np.float64) @ first.T, 0)
    np.testing.assert_array_equal(engine.run(nodes, [x], isa=isa), hidden @ second.T)


@pytest.mark.parametrize("rows", [1, 9])
def test_sum_of_two_layers(isa, rows, engine, rng):
    weights = [engine.integers(rng, 6, 10) for _ in "ab"]
    x = engine.integers(rng, rows, 10)
    nodes = [_cpu.linear("a", 0, 1, weights[0]), _cpu.linear("b", 0, 2, weights[1])]
    nodes += [_cpu.add("s", 1, 2, 3), _cpu.relu("r", 3, 4), _cpu.flatten("f", 4, 5)]
    total = x.astype(np.float64) @ (weights[0] + weights[1]).T
    np.testing.assert_array_equal(engine.run(nodes, [x], isa=isa), np.maximum(total, 0))
