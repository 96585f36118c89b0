import numpy as np
import pytest

from sparseprune import _cpu

SHAPES = [(1, 1, 1), (3, 5, 7), (100, 9, 33), (700, 6, 70), (49, 13, 64), (300, 4, 31), (0, 2, 3)]
# Of one input there are more factors than are worked on together.
SHAPES += [(3000, 50, 5)]
NOTHING = 1e-3


def drawn(positions, rows, cols):
    """Totals, inputs and weights; some totals next to nothing, some weights zero."""
    generator = np.random.default_rng(0)
    totals = generator.random((positions, 2 * rows), np.float32) + np.float32(0.1)
    totals[generator.random(totals.shape) < 0.2] = NOTHING / 2
    inputs = generator.random((positions, cols), np.float32)
    weights = generator.standard_normal((rows, cols), np.float32)
    weights[generator.random(weights.shape) < 0.2] = 0
    return totals, inputs, weights


def means(totals, inputs, weights):
    """By the definition, in float64."""
    factors = np.where(totals > NOTHING, 1 / totals.astype(np.float64), 0)
    positive, negative = np.split(factors.T @ inputs.astype(np.float64), 2)
    return np.where(weights > 0, positive, negative) / max(1, len(inputs))


@pytest.mark.parametrize("isa", _cpu.available_isas())
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("positions", "rows", "cols"), SHAPES)
def test_every_entry_is_the_largest_mean(isa, positions, rows, cols, count):
    totals, inputs, weights = drawn(count * positions, rows, cols)
    parts = zip(np.split(totals, count), np.split(inputs, count), strict=True)
    expected = np.max([means(*part, weights) for part in parts], 0)
    low = np.random.default_rng(1).random((rows, cols)) < 0.5
    # Half of them below their mean, half above.
    before = np.where(low, expected * 0.9, expected * 1.1 + 0.1).astype(np.float32)
    result = before.copy()
    _cpu.largest_mean(totals, inputs, weights, result, count, NOTHING, isa)
    # Sums of at most 700 float32 values of one sign.
    np.testing.assert_allclose(result, np.maximum(before, expected), rtol=2e-5)
    assert np.array_equal(result[~low], before[~low])


def test_arrays_that_do_not_fit():
    totals, inputs, weights = drawn(4, 2, 3)
    result = np.zeros((2, 3), np.float32)
    for wrong, error, message in (
        ((totals[:3], inputs, weights, result), ValueError, "totals, inputs and weights must be"),
        ((totals[:, :2].copy(), inputs, weights, result), ValueError, r"\[P, 2 R\]"),
        ((totals, inputs, weights.T.copy(), result), ValueError, "must be"),
        ((totals, inputs, weights, result.T.copy()), ValueError, r"shape \[2, 3\]"),
        ((totals[0], inputs, weights, result), ValueError, "totals must have two dimensions"),
        ((totals.astype(np.float64), inputs, weights, result), TypeError, "totals must be a C-"),
    ):
        with pytest.raises(error, match=message):
            _cpu.largest_mean(*wrong, 1, NOTHING)
    for count in (0, 3):
        with pytest.raises(ValueError, match="count must divide"):
            _cpu.largest_mean(totals, inputs, weights, result, count, NOTHING)
    result.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        _cpu.largest_mean(totals, inputs, weights, result, 1, NOTHING)
