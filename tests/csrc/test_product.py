"""Products of two values or with one number per channel; those that become one activation."""

import numpy as np
import pytest

from sparseprune import _cpu

UNIT, TINY = 2.0**-24, 2.0**-149
BATCHES = [1, 3, 16, 33]
SIZES = [(), (1, 1), (5, 7), (16, 16)]
ONES = {"pad_begin": (1, 1), "pad_end": (1, 1)}


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_two_values_of_one_shape(isa, batch, size, engine, rng):
    a, b = engine.floats(rng, 2, batch, 5, *size)
    found = engine.run([_cpu.multiply("m", 0, 1, 2)], [a, b], isa=isa)
    np.testing.assert_array_equal(found, a * b)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("size", SIZES[1:], ids=str)
@pytest.mark.parametrize("first", ["map", "gate"])
def test_one_number_per_channel(isa, batch, size, first, engine, rng):
    """In either order; what is added to it, scaled and activated afterwards is one step with it."""
    x, gate = engine.integers(rng, batch, 5, *size), engine.integers(rng, batch, 5, 1, 1)
    scale, shift = engine.integers(rng, 5), engine.integers(rng, 5) + 2
    nodes = [_cpu.multiply("m", *((0, 1) if first == "map" else (1, 0)), 2)]
    nodes.append(_cpu.scale("s", 2, 3, scale, shift))
    nodes.append(_cpu.activation("a", 3, 4, "relu6"))
    found = engine.run(nodes, [x, gate], [2, 4], isa=isa)
    np.testing.assert_array_equal(found[0], x * gate)
    expected = np.clip(x * gate * scale[:, None, None] + shift[:, None, None], 0, 6)
    np.testing.assert_array_equal(found[1], expected)


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("size", [(5, 7), (16, 9)], ids=str)
def test_squeeze_and_excitation(isa, batch, size, engine, rng):
    """Means of an integer map, through two layers, multiply it; a layer reads it with its halo."""
    x = engine.integers(rng, batch, 8, *size)
    down, up = engine.integers(rng, 4, 8, 1, 1), engine.integers(rng, 8, 4, 1, 1)
    last = engine.integers(rng, 3, 8, 3, 3)
    nodes = [
        _cpu.global_average_pool("g", 0, 1),
        _cpu.conv("d", 1, 2, down),
        _cpu.relu("r", 2, 3),
        _cpu.conv("u", 3, 4, up),
        _cpu.activation("h", 4, 5, "hard_sigmoid", slope=0.2),
        _cpu.multiply("m", 0, 5, 6),
        _cpu.conv("c", 6, 7, last, **ONES),
    ]
    gate, gated, found = engine.run(nodes, [x], [5, 6, 7], isa=isa)
    np.testing.assert_array_equal(gated, x * gate)
    bound = engine.convolve_bound(gated, last, **ONES)
    engine.assert_within(found, engine.convolve(gated, last, **ONES), bound)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("batch", [1, 16])
def test_an_infinite_factor_stays_in_its_channel(isa, value, batch, engine, rng):
    """And inside the map: the layer that reads it sees zeros around it."""
    x = np.abs(engine.integers(rng, batch, 3, 5, 7)) + 1
    gate = np.ones((batch, 3, 1, 1), np.float32)
    gate[:, 1] = value
    weight = np.ones((1, 3, 3, 3), np.float32)
    weight[0, 1] = 0
    nodes = [_cpu.multiply("m", 0, 1, 2), _cpu.conv("c", 2, 3, weight, **ONES)]
    gated, found = engine.run(nodes, [x, gate], [2, 3], isa=isa)
    np.testing.assert_array_equal(gated, x * gate)
    np.testing.assert_array_equal(found, engine.convolve(x, weight, **ONES))


@pytest.mark.parametrize("batch", [1, 16])
def test_zeros_times_what_is_not_finite(isa, batch, engine):
    a = np.tile(np.float32([0, 0, 0, 1, np.nan]), (batch, 3))
    b = np.tile(np.float32([np.inf, np.nan, 5, -np.inf, 0]), (batch, 3))
    with np.errstate(invalid="ignore"):
        expected = a * b
    found = engine.run([_cpu.multiply("m", 0, 1, 2)], [a, b], isa=isa)
    np.testing.assert_array_equal(found, expected)


def gate_of(kind, x, made):
    """Nodes of a gate of value `x`, numbered from `made` on."""
    if kind == "clamp":
        ones, three = np.ones(4, np.float32), np.full(4, 3, np.float32)
        return [
            _cpu.scale("3", x, made, ones, three),
            _cpu.activation("6", made, made + 1, "relu6"),
        ]
    return [_cpu.activation("a", x, made, kind)]


SIXTH = np.full(4, 1 / 6, np.float32)
FORMS = {
    "silu": (["sigmoid", "multiply"], "silu"),
    "hard swish": (["hard_sigmoid", "multiply"], "hard_swish"),
    "hard swish, clamped": (["clamp", "multiply", "sixth"], "hard_swish"),
    "hard swish, a sixth first": (["clamp", "sixth", "multiply"], "hard_swish"),
    "hard sigmoid": (["clamp", "sixth"], "hard_sigmoid"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("kept", [False, True], ids=["joined", "gate read twice"])
def test_gates_of_a_value(isa, form, swapped, batch, kept, engine, rng):
    """One activation behind the layer gives the same as its parts, bit by bit if it is made."""
    x, weight = engine.floats(rng, batch, 3, 6, 6) * 3, engine.floats(rng, 4, 3, 1, 1)
    parts, kind = FORMS[form]
    layer = _cpu.conv("c", 0, 1, weight)
    nodes, last = [layer, *gate_of(parts[0], 1, 2)], 2 + (parts[0] == "clamp")
    gate = last
    for part in parts[1:]:
        if part == "multiply":
            nodes.append(_cpu.multiply("m", *((last, 1) if swapped else (1, last)), last + 1))
        else:
            nodes.append(_cpu.scale("s", last, last + 1, SIXTH))
        last += 1
    found = engine.run(nodes, [x], [gate, last] if kept else [last], isa=isa)
    joined = engine.run([layer, _cpu.activation("j", 1, 2, kind)], [x], [1, 2], isa=isa)
    if not kept:
        np.testing.assert_array_equal(found, joined[1])
    wide = joined[0].astype(np.float64)
    gates = {"silu": 1 / (1 + np.exp(-wide))}
    exact = gates.get(kind, np.clip(wide / 6 + 0.5, 0, 1))
    size = np.abs(wide) if kind != "hard_sigmoid" else 1
    # A sigmoid to three roundings, or up to five of values up to (|x| + 3) / 6.
    error = 6 * UNIT * size * np.minimum(np.abs(wide) / 6 + 0.5, 2) + TINY
    found = found[1] if kept else found
    engine.assert_within(found, exact * (wide if kind != "hard_sigmoid" else 1), error)


def test_a_product_with_the_sigmoid_of_another_value(isa, engine, rng):
    a, b = engine.floats(rng, 2, 1, 4, 6, 6)
    nodes = [_cpu.activation("s", 1, 2, "sigmoid"), _cpu.multiply("m", 0, 2, 3)]
    gate = engine.run([_cpu.activation("s", 0, 1, "sigmoid")], [b], isa=isa)
    np.testing.assert_array_equal(engine.run(nodes, [a, b], isa=isa), a * gate)


@pytest.mark.parametrize("shape", [(1, 4, 6, 1), (1, 1, 6, 6), (2, 4, 1, 1), (1, 4)], ids=str)
def test_other_shapes_are_an_error(shape, engine, rng):
    arrays = [engine.floats(rng, 1, 4, 6, 6), engine.floats(rng, *shape)]
    with pytest.raises(ValueError, match=r"'m': expected inputs of one shape, or \[N, C, H, W\]"):
        engine.run([_cpu.multiply("m", 0, 1, 2)], arrays)
