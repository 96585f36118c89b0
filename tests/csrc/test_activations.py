"""Every activation alone and joined to the step before it, within its rounding bound."""

import numpy as np
import pytest

from sparseprune import _cpu

UNIT, TINY = 2.0**-24, 2.0**-149
KINDS = ["none", "relu", "relu6", "hard_swish", "sigmoid", "hard_sigmoid", "silu"]
ONES = {"pad_begin": (1, 1), "pad_end": (1, 1)}


def reference(kind, x):
    """As ONNX defines it, in float64."""
    x = np.asarray(x, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        return {
            "none": lambda: x,
            "relu": lambda: np.where(x < 0, 0, x),
            "relu6": lambda: np.where(x < 0, 0, np.where(x > 6, 6, x)),
            "hard_swish": lambda: x * np.clip(x / 6 + 0.5, 0, 1),
            "sigmoid": lambda: 1 / (1 + np.exp(-x)),
            "hard_sigmoid": lambda: np.clip(x / 6 + 0.5, 0, 1),
            "silu": lambda: x * (1 / (1 + np.exp(-x))),
        }[kind]()


def own_error(kind, x):
    """What rounding adds for an exact x: the sigmoid's is stated in activation-inl.h; hard-swish
    rounds 1/6, a product, a sum and a product of values up to |x| (|x| / 6 + 1/2), the hard sigmoid
    all but the last. SiLU rounds a product with a sigmoid once more."""
    x = np.asarray(x, np.float64)
    if kind == "sigmoid":
        return 3 * UNIT * reference(kind, x) + TINY
    if kind == "hard_swish":
        gate = np.minimum(np.abs(x) / 6 + 0.5, 1.5)
        return 5 * UNIT * np.abs(x) * gate + TINY
    if kind == "hard_sigmoid":
        return 4 * UNIT * np.minimum(np.abs(x) / 6 + 0.5, 2)
    if kind == "silu":
        return 5 * UNIT * np.abs(reference(kind, x)) + (np.abs(x) + 1) * TINY
    return np.zeros_like(x)


def slope(kind):
    """The steepest: how far an error of x can move the result."""
    return {"hard_swish": 1.5, "sigmoid": 0.25, "hard_sigmoid": 1 / 6, "silu": 1.1}.get(kind, 1)


def whole_range(rng):
    """Every exponent and both signs, what the kernels cut their ranges at, denormals, zeros."""
    bits = np.arange(0, 2**32, 2**17 + 1, dtype=np.uint64).astype(np.uint32)
    spread = bits.view(np.float32)
    near = (rng.standard_normal(4096) * 8).astype(np.float32)
    edges = np.float32([3, 6, 17, 87.3, 88.7, 103.9, 104, 104.1, 1e-45, 1e-38, 0])
    x = np.concatenate([spread, near, edges, -edges])
    return x[np.isfinite(x)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", ["vector", "map"])
def test_whole_range(isa, kind, shape, engine, rng):
    x = whole_range(rng)
    x = np.resize(x, (1, len(x)) if shape == "vector" else (1, 3, len(x) // 30 + 1, 10))
    found = engine.run([_cpu.activation("a", 0, 1, kind)], [x], isa=isa)
    engine.assert_within(found, reference(kind, x), own_error(kind, x))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [1, 16])
def test_special_values(isa, kind, batch, engine):
    """Infinities go where the formula takes them; a NaN stays."""
    x = np.tile(np.float32([np.nan, np.inf, -np.inf, -0.0, 1, -1]), (batch, 3))
    found = engine.run([_cpu.activation("a", 0, 1, kind)], [x], isa=isa)
    expected = reference(kind, x)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    bad = ~np.isfinite(expected)
    np.testing.assert_array_equal(found[bad], expected[bad])
    x[bad] = 0
    engine.assert_within(found[~bad], expected[~bad], own_error(kind, x)[~bad])


def check(engine, found, kind, exact, error):
    """An activation of sums that are off by `error`."""
    bound = own_error(kind, np.abs(exact) + error) + slope(kind) * error
    engine.assert_within(found, reference(kind, exact), bound)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [1, 3, 16])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (16, 16)], ids=str)
@pytest.mark.parametrize("residual", [False, True])
def test_behind_a_convolution(isa, kind, batch, size, residual, engine, rng):
    """The next convolution reads a halo of zeros, not the activation of zero."""
    weight = engine.pruned(rng, engine.floats(rng, 9, 4, 3, 3), 0.4, block=2)
    x, bias = engine.floats(rng, batch, 4, *size), engine.floats(rng, 9)
    other = engine.floats(rng, batch, 9, *size)
    last = engine.integers(rng, 2, 9, 3, 3)
    nodes = [_cpu.conv("c", 0, 2, weight, bias, **ONES)]
    if residual:
        nodes.append(_cpu.add("s", 2, 1, 3))
    nodes.append(_cpu.activation("a", 2 + residual, 4, kind))
    nodes.append(_cpu.conv("d", 4, 5, last, **ONES))
    found, after = engine.run(nodes, [x, other], [4, 5], isa=isa)
    exact = engine.convolve(x, weight, bias, **ONES)
    error = engine.convolve_bound(x, weight, bias, **ONES)
    if residual:
        exact, error = exact + other, error + UNIT * (np.abs(exact) + error + np.abs(other))
    check(engine, found, kind, exact, error)
    bound = engine.convolve_bound(found, last, **ONES)
    engine.assert_within(after, engine.convolve(found, last, **ONES), bound)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [1, 3, 40])
def test_behind_a_linear_layer(isa, kind, batch, engine, rng):
    weight = engine.pruned(rng, engine.floats(rng, 37, 50), 0.5)
    x, bias = engine.floats(rng, batch, 50), engine.floats(rng, 37)
    nodes = [_cpu.linear("l", 0, 1, weight, bias), _cpu.activation("a", 1, 2, kind)]
    found = engine.run(nodes, [x], isa=isa)
    wide, magnitude = x.astype(np.float64) @ weight.T, np.abs(x) @ np.abs(weight.T)
    error = engine.gamma(55) * (magnitude + np.abs(bias))
    check(engine, found, kind, wide + bias, error)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [1, 16])
def test_behind_a_sum(isa, kind, batch, engine, rng):
    a, b = engine.integers(rng, 2, batch, 3, 5, 9)
    nodes = [_cpu.add("s", 0, 1, 2), _cpu.activation("a", 2, 3, kind)]
    found = engine.run(nodes, [a, b], isa=isa)
    check(engine, found, kind, a + b, np.zeros_like(a))


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_one_after_another(isa, first, second, engine, rng):
    """Only the first can join the convolution."""
    x = engine.integers(rng, 1, 2, 6, 6)
    weight = engine.integers(rng, 3, 2, 1, 1)
    nodes = [_cpu.conv("c", 0, 1, weight), _cpu.activation("a", 1, 2, first)]
    nodes.append(_cpu.activation("b", 2, 3, second))
    found = engine.run(nodes, [x], isa=isa)
    exact = engine.convolve(x, weight)
    check(engine, found, second, reference(first, exact), own_error(first, exact))


@pytest.mark.parametrize("kind", ["relu6", "sigmoid"])
def test_a_value_before_its_activation_is_kept_for_others(isa, kind, engine, rng):
    x, weight = engine.integers(rng, 1, 2, 6, 6), engine.integers(rng, 3, 2, 3, 3)
    nodes = [_cpu.conv("c", 0, 1, weight), _cpu.activation("a", 1, 2, kind)]
    nodes.append(_cpu.add("s", 1, 2, 3))
    before, after, total = engine.run(nodes, [x], [1, 2, 3], isa=isa)
    exact = engine.convolve(x, weight)
    np.testing.assert_array_equal(before, exact)
    check(engine, after, kind, exact, np.zeros_like(exact))
    np.testing.assert_array_equal(total, before + after)


@pytest.mark.parametrize("kind", ["hard_sigmoid", "hard_swish"])
@pytest.mark.parametrize("line", [(0.2, 0.5), (-0.5, 0.25), (0, 2), (3, -1)], ids=str)
def test_any_line(isa, kind, line, engine, rng):
    x = engine.floats(rng, 3, 40) * 4
    slope, offset = line
    nodes = [_cpu.activation("a", 0, 1, kind, slope=slope, offset=offset)]
    found = engine.run(nodes, [x], isa=isa)
    wide = x.astype(np.float64)
    exact = np.clip(slope * wide + offset, 0, 1)
    error = engine.gamma(4) * (abs(slope) * np.abs(wide) + abs(offset))
    if kind == "hard_swish":
        exact, error = exact * wide, error * np.abs(wide) + engine.gamma(1) * np.abs(wide)
    engine.assert_within(found, exact, error)
