import numpy as np
import pytest

from sparseprune import _cpu

SHAPES = [(1, 1, 1), (3, 5, 7), (100, 9, 33), (700, 6, 70), (49, 13, 64), (300, 4, 31), (0, 2, 3)]


@pytest.mark.parametrize("isa", _cpu.available_isas())
@pytest.mark.parametrize(("positions", "rows", "cols"), SHAPES)
def test_every_entry_is_the_largest_product(isa, positions, rows, cols):
    generator = np.random.default_rng(0)
    a = generator.random((positions, rows), np.float32)
    b = generator.random((positions, cols), np.float32)
    before = generator.random((rows, cols), np.float32) / 2
    result = before.copy()
    _cpu.largest_product(a, b, result, isa)
    # A product rounds the same everywhere, and a maximum does not round.
    expected = np.maximum(before, (a[:, :, None] * b[:, None, :]).max(0, initial=0))
    assert np.array_equal(result, expected)


@pytest.mark.parametrize("isa", _cpu.available_isas())
def test_what_is_left_out_could_not_have_been_larger(isa):
    """Smooth along positions, as pictures are, and from high results: few runs are looked at."""
    generator = np.random.default_rng(1)
    smooth = np.repeat(generator.random((40, 75), np.float32), 15, 0) ** 4
    a, b = smooth[:, :11].copy(), smooth[:, 11:].copy()
    terms = a[:, :, None] * b[:, None, :]
    # Just below, at, and just above the largest products.
    for factor in (0.999, 1, 1.001):
        before = (terms.max(0) * np.float32(factor)).astype(np.float32)
        result = before.copy()
        _cpu.largest_product(a, b, result, isa)
        assert np.array_equal(result, np.maximum(before, terms.max(0)))


def test_arrays_that_do_not_fit():
    a, b = np.ones((4, 2), np.float32), np.ones((4, 3), np.float32)
    result = np.zeros((2, 3), np.float32)
    for wrong, error, message in (
        ((a[:3], b, result), ValueError, "as many rows"),
        ((a, b, result.T.copy()), ValueError, r"result must have shape \[2, 3\]"),
        ((a[0], b, result), ValueError, "a must have two dimensions"),
        ((a.astype(np.float64), b, result), TypeError, "a must be a C-contiguous"),
    ):
        with pytest.raises(error, match=message):
            _cpu.largest_product(*wrong)
    result.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        _cpu.largest_product(a, b, result)
