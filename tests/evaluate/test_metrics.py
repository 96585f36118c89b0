import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparseprune.errors import InputError
from sparseprune.evaluate import metrics

LOGITS = hnp.arrays(np.float32, (7, 4), elements=st.floats(-50, 50, width=32))


def test_softmax_is_the_definition_and_survives_large_logits():
    logits = np.array([[0.0, 1.0, 2.0], [1e4, 0.0, -1e4]], np.float32)
    exact = np.exp([0.0, 1.0, 2.0]) / np.exp([0.0, 1.0, 2.0]).sum()
    found = metrics.softmax(logits)
    assert found.dtype == np.float64
    assert found[0] == pytest.approx(exact, rel=1e-15)
    assert list(found[1]) == [1.0, 0.0, 0.0]


@given(LOGITS)
def test_softmax_sums_to_one_and_ignores_a_shift(logits):
    found = metrics.softmax(logits)
    assert found.sum(axis=1) == pytest.approx(np.ones(7))
    assert found == pytest.approx(metrics.softmax(logits.astype(np.float64) + 3.0))


@given(LOGITS, LOGITS)
def test_similarity_is_symmetric_bounded_and_perfect_with_itself(a, b):
    assert metrics.agreement(a, a) == 7
    assert metrics.softmax_distance(a, a) == 0.0
    assert metrics.agreement(a, b) == metrics.agreement(b, a)
    distance = metrics.softmax_distance(a, b)
    assert distance == pytest.approx(metrics.softmax_distance(b, a))
    assert 0 <= distance <= np.sqrt(2)


def test_softmax_distance_of_opposite_certainties_is_sqrt_2():
    a, b = np.array([[100.0, 0.0]], np.float32), np.array([[0.0, 100.0]], np.float32)
    assert metrics.softmax_distance(a, b) == pytest.approx(np.sqrt(2))
    assert metrics.agreement(a, b) == 0


def test_correct_counts_first_predictions():
    logits = np.array([[1, 2, 0], [3, 2, 0], [0, 0, 9]], np.float32)
    assert metrics.correct(logits, np.array([1, 1, 2])) == 2


def test_wrong_shapes_are_refused():
    logits = np.zeros((3, 2), np.float32)
    with pytest.raises(InputError, match=r"expected logits \[N, classes\] and labels \[N\]"):
        metrics.correct(logits, np.zeros(4, np.int64))
    with pytest.raises(InputError, match="two sets of logits"):
        metrics.agreement(logits, np.zeros((3, 5), np.float32))
    with pytest.raises(InputError, match="two sets of logits"):
        metrics.softmax_distance(logits, np.zeros((2, 2), np.float32))
