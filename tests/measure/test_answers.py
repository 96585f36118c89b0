import numpy as np
import pytest

from sparseprune.errors import GateError
from sparseprune.measure.answers import check


def test_rounding_is_allowed_and_told():
    old = np.array([100.0, -1.0], np.float32)
    assert check("m", [old], [old + np.float32(0.01)]) == pytest.approx(1e-4, rel=0.01)
    assert check("m", [old, [{"a": 1}]], [old, [{"a": 2}]]) == 0
    assert check("m", [], []) == 0


def test_infinities_and_nan_may_be_the_answer():
    old = np.array([np.nan, np.inf, 1], np.float32)
    assert check("m", [old], [old.copy()]) == 0


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (np.ones(2, np.float32), np.full(2, 1.001, np.float32), "m: output 0 differs .* by 0.001"),
        (np.ones(2, np.float32), np.ones(3, np.float32), r"is float32 \[3\], .* float32 \[2\]"),
        (np.ones(2, np.float32), np.ones(2), r"is float64 \[2\]"),
        (np.array([1, 2]), np.array([1, 3]), "differs from the dense file's"),
        (np.ones(2), np.array([1, np.nan]), "differs from the dense file's by nan"),
        (np.array([1, np.inf]), np.array([1, -np.inf]), "is not finite where"),
    ],
)
def test_wrong_answers_are_refused(old, new, sentence):
    with pytest.raises(GateError, match=sentence):
        check("m", [old], [new])
