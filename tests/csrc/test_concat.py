"""Concatenation along channels: written in place or copied, the values are the same."""

import numpy as np
import pytest

from sparseprune import _cpu

BATCHES = [1, 3, 16]
ONES = {"pad_begin": (1, 1), "pad_end": (1, 1)}


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("size", [(), (1, 1), (5, 7), (16, 16)], ids=str)
def test_graph_inputs(isa, batch, size, engine, rng):
    parts = [engine.floats(rng, batch, c, *size) for c in (1, 5, 3)]
    nodes = [_cpu.concat("c", [0, 1, 2, 1], 3)]
    found = engine.run(nodes, parts, [3], isa=isa)
    np.testing.assert_array_equal(found, np.concatenate([*parts, parts[1]], 1))


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (16, 16)], ids=str)
@pytest.mark.parametrize("kernel", [1, 3])
def test_branches(isa, batch, size, kernel, engine, rng):
    """Made by every kind of step, one of them twice in the result, one an output of its own."""
    x = engine.integers(rng, batch, 3, *size)
    weights = [engine.integers(rng, c, 3, kernel, kernel) for c in (4, 2)]
    last = engine.integers(rng, 3, 17, 3, 3)
    window = ONES if kernel == 3 else {}
    nodes = [
        _cpu.conv("a", 0, 1, weights[0], **window),
        _cpu.conv("b", 0, 2, weights[1], **window),
        _cpu.relu("r", 2, 3),
        _cpu.max_pool("p", 0, 4, (3, 3), **ONES),
        _cpu.scale("s", 1, 5, np.float32([1, 2, 3, 4]), np.float32([4, 3, 2, 1])),
        _cpu.concat("c", [1, 3, 5, 3, 0, 3], 6),
        _cpu.conv("l", 6, 7, last, **ONES),
    ]
    a, b = (engine.convolve(x, w, **window) for w in weights)
    r, n = np.maximum(b, 0), np.float64([1, 2, 3, 4]).reshape(-1, 1, 1)
    joined = np.concatenate([a, r, a * n + 5 - n, r, x, r], 1)
    found = engine.run(nodes, [x], [3, 4, 6, 7], isa=isa)
    np.testing.assert_array_equal(found[0], r)
    np.testing.assert_array_equal(found[1], engine.max_pool(x, 3, 1, 1, 1))
    np.testing.assert_array_equal(found[2], joined)
    np.testing.assert_array_equal(found[3], engine.convolve(joined, last, **ONES))


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (12, 12)], ids=str)
@pytest.mark.parametrize("nested", [False, True])
def test_dense_blocks(isa, batch, size, nested, engine, rng):
    """Each layer reads all before it: joined anew every time, or to what was joined before."""
    x = engine.integers(rng, batch, 3, *size, most=1)
    features, made, nodes = [x.astype(np.float64)], [0], []
    joined, inputs, values = 0, [0], 1
    for _ in range(4):
        if len(made) > 1:
            inputs = [joined, made[-1]] if nested else list(made)
            nodes.append(_cpu.concat(f"join{values}", inputs, values))
            joined, values = values, values + 1
        seen = np.concatenate(features, 1)
        scale = engine.integers(rng, seen.shape[1], most=1)
        weight = engine.integers(rng, 2, seen.shape[1], 3, 3, most=1)
        weight = engine.pruned(rng, weight, 0.3)
        nodes.append(_cpu.scale(f"norm{values}", joined, values, scale, scale + 1))
        nodes.append(_cpu.relu(f"relu{values}", values, values + 1))
        nodes.append(_cpu.conv(f"conv{values}", values + 1, values + 2, weight, **ONES))
        wide = scale.astype(np.float64).reshape(-1, 1, 1)
        normed = np.maximum(seen * wide + wide + 1, 0)
        features.append(engine.convolve(normed, weight, **ONES))
        made.append(values + 2)
        values += 3
    nodes.append(_cpu.concat("last", [joined, made[-1]] if nested else made, values))
    expected = np.concatenate(features, 1)
    assert np.abs(expected).max() < 2**24
    np.testing.assert_array_equal(engine.run(nodes, [x], [values], isa=isa), expected)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("size", [(8, 8), (10, 14), (48, 40)], ids=str)
def test_up_and_down_again(isa, batch, size, engine, rng):
    """U-Net: a skip joined to what was halved and doubled, then read with a halo."""
    x = engine.integers(rng, batch, 2, *size)
    first, inner, last = (engine.integers(rng, *s, 3, 3, most=1) for s in ((4, 2), (3, 4), (2, 7)))
    nodes = [
        _cpu.conv("first", 0, 1, first, **ONES),
        _cpu.max_pool("down", 1, 2, (2, 2), stride=(2, 2)),
        _cpu.conv("inner", 2, 3, inner, **ONES),
        _cpu.resize("up", 3, 4, size, "nearest"),
        _cpu.concat("join", [1, 4], 5),
        _cpu.conv("last", 5, 6, last, **ONES),
    ]
    skip = engine.convolve(x, first, **ONES)
    low = engine.convolve(engine.max_pool(skip, 2, 2), inner, **ONES)
    joined = np.concatenate([skip, low.repeat(2, 2).repeat(2, 3)], 1)
    expected = engine.convolve(joined, last, **ONES)
    np.testing.assert_array_equal(engine.run(nodes, [x], isa=isa), expected)


@pytest.mark.parametrize("batch", BATCHES)
def test_joined_in_two_orders(isa, batch, engine, rng):
    """A value has one place; where it is needed elsewhere it is copied."""
    x = engine.integers(rng, batch, 2, 6, 6)
    weights = [engine.integers(rng, c, 2, 1, 1) for c in (3, 4)]
    nodes = [_cpu.conv("a", 0, 1, weights[0]), _cpu.conv("b", 0, 2, weights[1])]
    nodes += [_cpu.concat("ab", [1, 2], 3), _cpu.concat("ba", [2, 1], 4)]
    nodes += [_cpu.concat("all", [3, 1, 4], 5), _cpu.concat("one", [4], 6)]
    a, b = (engine.convolve(x, w) for w in weights)
    found = engine.run(nodes, [x], [3, 4, 5, 6], isa=isa)
    order = [[a, b], [b, a], [a, b, a, b, a], [b, a]]
    for array, parts in zip(found, order, strict=True):
        np.testing.assert_array_equal(array, np.concatenate(parts, 1))


@pytest.mark.parametrize("batch", [1, 3, 40])
def test_vectors(isa, batch, engine, rng):
    """Linear layers, averages and flattened maps, joined along their features."""
    x, v = engine.integers(rng, batch, 3, 4, 4), engine.integers(rng, batch, 5)
    weight = engine.integers(rng, 6, 5)
    nodes = [
        _cpu.linear("l", 1, 2, weight),
        _cpu.global_average_pool("g", 0, 3, keep_dims=False),
        _cpu.flatten("f", 0, 4),
        _cpu.concat("c", [2, 3, 4, 1], 5),
        _cpu.relu("r", 5, 6),
    ]
    parts = [v.astype(np.float64) @ weight.T, x.astype(np.float64).mean((2, 3))]
    expected = np.concatenate([*parts, x.reshape(batch, -1), v], 1)
    joined, positive = engine.run(nodes, [x, v], [5, 6], isa=isa)
    np.testing.assert_array_equal(joined, expected)
    np.testing.assert_array_equal(positive, np.maximum(expected, 0))
