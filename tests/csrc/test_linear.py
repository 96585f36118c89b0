"""Linear layers: one vector, a few, many; in every format the weights can take."""

import numpy as np
import pytest

from sparseprune import _cpu


def linear(engine, x, weight, bias=None, isa=""):
    return engine.run([_cpu.linear("l", 0, 1, weight, bias)], [x], isa=isa)


def bound(engine, x, weight, bias=None):
    """gamma_k (|x| |W|^T + |b|); k: a row's additions, the joining of its chains and the bias."""
    kept = int(np.count_nonzero(weight, axis=1).max())
    magnitude = np.abs(x).astype(np.float64) @ np.abs(weight).T.astype(np.float64)
    return engine.gamma(kept + 5) * (magnitude + (0 if bias is None else np.abs(bias)))


@pytest.mark.parametrize("rows", [1, 2, 3, 8, 15, 16, 17, 33, 128, 300])
@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
def test_batches(isa, rows, density, engine, rng):
    weight = engine.pruned(rng, engine.integers(rng, 21, 50) + 4, density)
    x, bias = engine.integers(rng, rows, 50), engine.integers(rng, 21)
    found = linear(engine, x, weight, bias, isa)
    np.testing.assert_array_equal(found, x.astype(np.float64) @ weight.T + bias)


# From single rows over windows to panels, on every instruction set.
@pytest.mark.parametrize("density", [0.004, 0.05, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("block", [1, 2, 4, 8, 16, 32])
def test_formats(isa, density, block, engine, rng):
    weight = engine.pruned(rng, engine.floats(rng, 130, 300), density, block)
    bias = engine.floats(rng, 130)
    for rows in (1, 2, 3, 4, 5, 9, 13, 40):
        x = engine.floats(rng, rows, 300)
        found = linear(engine, x, weight, bias, isa)
        expected = x.astype(np.float64) @ weight.T.astype(np.float64) + bias
        engine.assert_within(found, expected, bound(engine, x, weight, bias))


@pytest.mark.parametrize("block", [1, 4, 16])
@pytest.mark.parametrize("density", [0.1, 1.0])
def test_sizes(isa, block, density, engine, rng):
    sizes = [1, 2, 3, 5, 15, 16, 17, 31, 33, 63, 64, 65, 79, 127, 130]
    for features in sizes:
        for inputs in (1, features, 64, 257):
            weight = engine.pruned(rng, engine.integers(rng, features, inputs) + 4, density, block)
            for rows in (1, 3):
                x = engine.integers(rng, rows, inputs)
                np.testing.assert_array_equal(linear(engine, x, weight, isa=isa), x @ weight.T)


def test_every_number_of_vectors(isa, engine, rng):
    sparse = engine.pruned(rng, engine.integers(rng, 40, 90) + 4, 0.2)
    for weight in (sparse, engine.integers(rng, 40, 90)):
        for rows in range(1, 34):
            x = engine.integers(rng, rows, 90)
            np.testing.assert_array_equal(linear(engine, x, weight, isa=isa), x @ weight.T)


def test_more_vectors_than_go_side_by_side(isa, engine, rng):
    weight = engine.integers(rng, 5, 12)
    for rows in (64, 65, 129, 200):
        x = engine.integers(rng, rows, 12)
        np.testing.assert_array_equal(linear(engine, x, weight, isa=isa), x @ weight.T)


@pytest.mark.parametrize("density", [0.1, 0.9])
def test_rows_of_very_different_length(isa, density, engine, rng):
    weight = engine.pruned(rng, engine.integers(rng, 70, 200) + 4, density)
    weight[::3] = 0
    weight[5], weight[6, 1:] = 3, 0
    x, bias = engine.integers(rng, 3, 200), engine.integers(rng, 70)
    np.testing.assert_array_equal(linear(engine, x, weight, bias, isa), x @ weight.T + bias)


@pytest.mark.parametrize("rows", [1, 4, 40])
@pytest.mark.parametrize("block", [1, 4, 16])
@pytest.mark.parametrize("density", [0.02, 0.2, 0.7])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_zeros_are_structural(isa, rows, block, density, value, engine, rng):
    """What a skipped weight would read reaches no output; every kept weight carries it on."""
    weight = engine.pruned(rng, engine.integers(rng, 50, 90) + 4, density, block)  # all positive
    weight[17, 3:60] = 0  # inside blocks, too
    x = engine.integers(rng, rows, 90)
    x[:, 3::7] = value
    found = linear(engine, x, weight, isa=isa)
    touched = (weight[:, 3::7] != 0).any(axis=1)
    finite = np.where(np.isfinite(x), x, 0) @ weight.T
    np.testing.assert_array_equal(found[:, ~touched], finite[:, ~touched])
    np.testing.assert_array_equal(found[:, touched], np.full((rows, touched.sum()), value))


@pytest.mark.parametrize("density", [0.05, 0.3, 1.0])
def test_denormals(isa, density, engine, rng):
    tiny = np.float32(2.0**-140)
    weight = engine.pruned(rng, engine.integers(rng, 20, 80) + 4, density) * tiny
    for rows in (1, 3, 20):
        x = engine.integers(rng, rows, 80)
        np.testing.assert_array_equal(
            linear(engine, x, weight, isa=isa), x @ (weight / tiny).T * tiny
        )


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_inputs_that_start_anywhere(isa, rows, engine, rng):
    weight = engine.pruned(rng, engine.integers(rng, 33, 131) + 4, 0.2)
    for shift in (1, 3):
        x = np.empty(rows * 131 + shift, np.float32)[shift:].reshape(rows, 131)
        x[:] = engine.integers(rng, rows, 131)
        np.testing.assert_array_equal(linear(engine, x, weight, isa=isa), x @ weight.T)


@pytest.mark.parametrize("features", [3, 17])
def test_more_inputs_than_sixteen_bits(isa, features, engine, rng):
    weight = engine.pruned(rng, engine.integers(rng, features, 140_000, most=1), 0.01)
    for rows in (1, 2):
        x = engine.integers(rng, rows, 140_000, most=1)
        found = linear(engine, x, weight, isa=isa)
        np.testing.assert_array_equal(found, x.astype(np.float64) @ weight.T)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("density", [0.1, 1.0])
def test_threads(isa, threads, density, engine, rng):
    weight = engine.pruned(rng, engine.integers(rng, 1500, 900) + 4, density)
    for rows in (1, 7):
        x = engine.integers(rng, rows, 900)
        found = engine.run([_cpu.linear("l", 0, 1, weight)], [x], isa=isa, threads=threads)
        np.testing.assert_array_equal(found, x @ weight.T)


@pytest.mark.parametrize("rows", [1, 7, 50])
def test_two_layers(isa, rows, engine, rng):
    first, second = engine.integers(rng, 30, 12), engine.integers(rng, 5, 30)
    x = engine.integers(rng, rows, 12)
    nodes = [_cpu.linear("a", 0, 1, first), _cpu.relu("r", 1, 2), _cpu.linear("b", 2, 3, second)]
    hidden = np.maximum(x.astype(np.float64) @ first.T, 0)
    np.testing.assert_array_equal(engine.run(nodes, [x], isa=isa), hidden @ second.T)


@pytest.mark.parametrize("rows", [1, 3, 9])
def test_sum_of_two_layers(isa, rows, engine, rng):
    weights = [engine.integers(rng, 6, 10) for _ in "ab"]
    x = engine.integers(rng, rows, 10)
    nodes = [_cpu.linear("a", 0, 1, weights[0]), _cpu.linear("b", 0, 2, weights[1])]
    nodes += [_cpu.add("s", 1, 2, 3), _cpu.relu("r", 3, 4), _cpu.flatten("f", 4, 5)]
    total = x.astype(np.float64) @ (weights[0] + weights[1]).T
    np.testing.assert_array_equal(engine.run(nodes, [x], isa=isa), np.maximum(total, 0))


@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("density", [0.1, 1.0])
def test_relu_after_a_layer(isa, rows, density, engine, rng):
    weight = engine.pruned(rng, engine.integers(rng, 45, 70) + 4, density)
    x, bias = engine.integers(rng, rows, 70), engine.integers(rng, 45, most=100)
    nodes = [_cpu.linear("l", 0, 1, weight, bias), _cpu.relu("r", 1, 2)]
    np.testing.assert_array_equal(
        engine.run(nodes, [x], isa=isa), np.maximum(x @ weight.T + bias, 0)
    )


def test_one_program_for_all_batch_sizes(isa, engine, rng):
    weight = engine.pruned(rng, engine.integers(rng, 40, 70) + 4, 0.2)
    program = _cpu.Program([_cpu.linear("l", 0, 1, weight)], [0], [1], isa)
    for rows in (5, 1, 40, 3, 130, 7, 1):
        x = engine.integers(rng, rows, 70)
        np.testing.assert_array_equal(engine.run_program(program, [x]), x @ weight.T)
