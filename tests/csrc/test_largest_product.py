import numpy as np
import pytest

from sparseprune import _cpu

SHAPES = [(1, 1, 1), (3, 5, 7), (100, 9, 33), (700, 6, 70), (49, 13, 64), (300, 4, 31), (0, 2, 3)]


def signed(generator, rows, cols):
    weights = generator.standard_normal((rows, cols), np.float32)
    weights[generator.random(weights.shape) < 0.2] = 0
    return weights


def terms(factors, inputs, weights):
    """[P, R, C]: a product rounds the same everywhere, and a maximum does not round."""
    positive, negative = np.split(factors, 2, axis=1)
    chosen = np.where(weights > 0, positive[:, :, None], negative[:, :, None])
    return chosen * inputs[:, None, :]


@pytest.mark.parametrize("isa", _cpu.available_isas())
@pytest.mark.parametrize(("positions", "rows", "cols"), SHAPES)
def test_every_entry_is_the_largest_product(isa, positions, rows, cols):
    generator = np.random.default_rng(0)
    factors = generator.random((positions, 2 * rows), np.float32)
    inputs = generator.random((positions, cols), np.float32)
    weights = signed(generator, rows, cols)
    before = generator.random((rows, cols), np.float32) / 2
    result = before.copy()
    _cpu.largest_product(factors, inputs, weights, result, isa)
    expected = np.maximum(before, terms(factors, inputs, weights).max(0, initial=0))
    assert np.array_equal(result, expected)


@pytest.mark.parametrize("isa", _cpu.available_isas())
def test_what_is_left_out_could_not_have_been_larger(isa):
    """Smooth along positions, as pictures are, and from high results: few runs are looked at."""
    generator = np.random.default_rng(1)
    smooth = np.repeat(generator.random((40, 86), np.float32), 15, 0) ** 4
    factors, inputs = smooth[:, :22].copy(), smooth[:, 22:].copy()
    weights = signed(generator, 11, 64)
    largest = terms(factors, inputs, weights).max(0)
    # Just below, at, and just above the largest products.
    for factor in (0.999, 1, 1.001):
        before = (largest * np.float32(factor)).astype(np.float32)
        result = before.copy()
        _cpu.largest_product(factors, inputs, weights, result, isa)
        assert np.array_equal(result, np.maximum(before, largest))


def test_arrays_that_do_not_fit():
    factors, inputs = np.ones((4, 4), np.float32), np.ones((4, 3), np.float32)
    weights, result = np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)
    for wrong, error, message in (
        ((factors[:3], inputs, weights, result), ValueError, "factors, inputs and weights must be"),
        ((factors, inputs, weights, result.T.copy()), ValueError, r"shape \[2, 3\]"),
        ((factors[0], inputs, weights, result), ValueError, "factors must have two dimensions"),
        ((factors.astype(np.float64), inputs, weights, result), TypeError, "must be a C-contig"),
    ):
        with pytest.raises(error, match=message):
            _cpu.largest_product(*wrong)
    result.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        _cpu.largest_product(factors, inputs, weights, result)
