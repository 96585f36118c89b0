"""Scale and shift per channel: alone, joined to sums and activations, before convolutions."""

import numpy as np
import pytest

from sparseprune import _cpu

BATCHES = [1, 3, 16]
ONES = {"pad_begin": (1, 1), "pad_end": (1, 1)}


def spread(values, rank):
    return values.astype(np.float64).reshape(-1, *[1] * (rank - 2))


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("size", [(), (1, 1), (5, 7), (16, 9)], ids=str)
@pytest.mark.parametrize("shifted", [False, True])
def test_scale(isa, batch, size, shifted, engine, rng):
    """Two roundings, or one where a product and a sum are fused."""
    x, scale = engine.floats(rng, batch, 21, *size), engine.floats(rng, 21)
    shift = engine.floats(rng, 21) if shifted else None
    found = engine.run([_cpu.scale("s", 0, 1, scale, shift)], [x], isa=isa)
    product = x * spread(scale, x.ndim)
    shift = spread(shift, x.ndim) if shifted else 0
    engine.assert_within(
        found, product + shift, engine.gamma(2) * (np.abs(product) + np.abs(shift))
    )


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (14, 14)], ids=str)
@pytest.mark.parametrize("kept", [False, True], ids=["joined", "read twice"])
def test_between_a_sum_and_a_convolution(isa, batch, size, kept, engine, rng):
    """Sum, batch norm, ReLU, convolution: lanes outside the map must not carry the shift."""
    a, b = engine.integers(rng, batch, 4, *size), engine.integers(rng, batch, 4, *size)
    scale, shift = engine.integers(rng, 4) + 4, engine.integers(rng, 4) + 9
    weight = engine.integers(rng, 5, 4, 3, 3)
    nodes = [_cpu.add("s", 0, 1, 2), _cpu.scale("n", 2, 3, scale, shift), _cpu.relu("r", 3, 4)]
    nodes.append(_cpu.conv("c", 4, 5, weight, **ONES))
    found = engine.run(nodes, [a, b], [2, 5] if kept else [5], isa=isa)
    normed = np.maximum((a + b) * spread(scale, 4) + spread(shift, 4), 0)
    expected = engine.convolve(normed, weight, **ONES)
    np.testing.assert_array_equal(found[1] if kept else found, expected)
    if kept:
        np.testing.assert_array_equal(found[0], a + b)


@pytest.mark.parametrize("batch", [1, 20])
def test_pre_activation_blocks(isa, batch, engine, rng):
    """x + conv(relu(norm(conv(relu(norm(x)))))), twice: nothing joins across a value read twice."""
    x = engine.integers(rng, batch, 3, 9, 9, most=1)
    nodes, value, values = [], 0, {0: x.astype(np.float64)}

    def emit(make, expected, *inputs, **options):
        made = len(values)
        nodes.append(make(made, *inputs, **options))
        values[made] = expected
        return made

    for _ in range(2):
        inner = value
        for _ in range(2):
            scale, shift = engine.integers(rng, 3, most=1), engine.integers(rng, 3, most=2)
            weight = engine.pruned(rng, engine.integers(rng, 3, 3, 3, 3, most=1), 0.4)
            normed = values[inner] * spread(scale, 4) + spread(shift, 4)
            norm = emit(
                lambda o, i, scale=scale, shift=shift: _cpu.scale(f"n{o}", i, o, scale, shift),
                normed,
                inner,
            )
            relu = emit(lambda o, i: _cpu.relu(f"r{o}", i, o), np.maximum(normed, 0), norm)
            inner = emit(
                lambda o, i, weight=weight: _cpu.conv(f"c{o}", i, o, weight, **ONES),
                engine.convolve(values[relu], weight, **ONES),
                relu,
            )
        total = values[value] + values[inner]
        value = emit(lambda o, a, b: _cpu.add(f"a{o}", a, b, o), total, inner, value)
    assert np.abs(values[value]).max() < 2**24
    np.testing.assert_array_equal(engine.run(nodes, [x], [value], isa=isa), values[value])
