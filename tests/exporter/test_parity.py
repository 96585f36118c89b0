"""The parity gate passes what rounding can do and nothing more."""

import numpy as np
import pytest

from sparseprune.errors import GateError
from sparseprune.exporter import parity

LOGITS = np.array([[1.0, 2.0], [3.0, 1.0], [0.5, 0.25]], dtype=np.float32)


def check(expected, got, bound):
    return parity.check([{"logits": expected}], [{"logits": got}], [{"logits": bound}], 3)


def test_the_record_of_a_pass():
    got = LOGITS + np.array([[0, 0.25], [0, 0], [0, 0.5]], dtype=np.float32)
    bound = np.array([[1, 1], [1, 1], [1, 0.5]])
    record = check(LOGITS, got, bound)
    assert record == {"max_abs": 0.5, "bound": 0.5, "used": 1.0, "images": 3, "flips": 1}


def test_equal_answers_need_no_slack():
    record = check(LOGITS, LOGITS, 0.0)
    assert record == {"max_abs": 0.0, "bound": 0.0, "used": 0.0, "images": 3, "flips": 0}


def test_one_logit_too_far_fails_with_the_numbers():
    got = LOGITS.copy()
    got[1, 0] -= 2.5
    message = r"differ by 2.5 where at most 1 .* \(picture 1, 1 of 3 labels changed\)"
    with pytest.raises(GateError, match=message):
        check(LOGITS, got, 1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_answers_that_are_no_numbers_fail(bad):
    got = LOGITS.copy()
    got[0, 0] = bad
    with pytest.raises(GateError, match="expected finite logits, got NaN or infinity"):
        check(LOGITS, got, np.inf)


def test_other_shapes_fail():
    with pytest.raises(GateError, match=r"expected logits of shape \(3, 2\), got \(3, 1\)"):
        check(LOGITS, LOGITS[:, :1], 1.0)
