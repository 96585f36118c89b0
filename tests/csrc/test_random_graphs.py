"""Random networks against a float64 reference within computed bounds, on every instruction set."""

import numpy as np
import pytest


def check(found, expected):
    for array, value in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.isnan(array), value.nan)
        excess = np.abs(np.where(value.nan, 0, array - value.exact)) - value.error
        assert excess.max(initial=0) <= 0, f"off by {excess.max():.3g} more than rounding explains"


def same_bits(a, b):
    return all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("seed", range(100))
def test_within_bounds(isa, seed, graphs):
    """Also for other inputs after it, again, on two threads, and after a run full of NaN."""
    network = graphs.Network(seed)
    program = graphs.program(network, isa)
    first = network.input()
    expected = graphs.expected(network, first)
    found = graphs.run(program, first)
    check(found, expected)
    other = network.input()
    check(graphs.run(program, other), graphs.expected(network, other))
    graphs.run(program, np.full_like(first, np.nan))
    assert same_bits(graphs.run(program, first), found)
    assert same_bits(graphs.run(program, first, threads=2), found)


@pytest.mark.parametrize("seed", range(100, 160))
def test_nan_reaches_what_kept_weights_lead_to(isa, seed, graphs):
    """One NaN, somewhere: all it reaches is NaN, and nothing else is."""
    network = graphs.Network(seed)
    x = network.input()
    x.flat[network.draw(x.size)] = np.nan
    check(graphs.run(graphs.program(network, isa), x), graphs.expected(network, x))


@pytest.mark.parametrize("seed", range(100, 130))
def test_infinity_reaches_no_further_than_nan(isa, seed, graphs):
    network = graphs.Network(seed)
    x = network.input()
    x.flat[network.draw(x.size)] = np.nan
    expected = graphs.expected(network, x)
    found = graphs.run(graphs.program(network, isa), np.where(np.isnan(x), np.float32(np.inf), x))
    for array, value in zip(found, expected, strict=True):
        array[value.nan] = np.nan
    check(found, expected)
