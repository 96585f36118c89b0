"""Do two sessions of one network answer alike? Asked before either is timed."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparseprune.errors import GateError


def check(name: str, expected: Sequence[Any], found: Sequence[Any]) -> float:
    """The largest difference of a number, as a share of the largest one of its output.

    Float outputs may differ by half the digits of their type, relative to their largest number,
    as two orders of summation do at most; everything else has to be equal.

    Args:
        name: who answered, for the message.
        expected: outputs of the dense file; arrays are compared, maps and sequences are not.
        found: outputs to compare.

    Raises:
        GateError: an answer is another one.
    """
    return max(
        (
            _compare(name, number, old, new)
            for number, (old, new) in enumerate(zip(expected, found, strict=True))
            if isinstance(old, np.ndarray)
        ),
        default=0.0,
    )


def _compare(name: str, number: int, old: Any, new: Any) -> float:
    where = f"{name}: output {number}"
    if old.shape != new.shape or old.dtype != new.dtype:
        raise GateError(
            f"{where} is {new.dtype} {list(new.shape)}, the dense file gives {old.dtype} "
            f"{list(old.shape)}; nothing is timed that answers otherwise"
        )
    if old.dtype.kind != "f":
        if not np.array_equal(old, new):
            raise GateError(f"{where} differs from the dense file's; wrong answers are not timed")
        return 0.0
    finite = np.isfinite(old)
    if not np.array_equal(old[~finite], new[~finite], equal_nan=True):
        raise GateError(f"{where} is not finite where the dense file's is, or the reverse")
    largest = float(np.abs(old[finite]).max(initial=0.0))
    apart = float(np.abs(old[finite].astype(float) - new[finite].astype(float)).max(initial=0.0))
    allowed = math.sqrt(np.finfo(old.dtype).eps) * largest
    if not apart <= allowed:
        raise GateError(
            f"{where} differs from the dense file's by {apart:.2g}, allowed {allowed:.2g}; wrong "
            "answers are not timed"
        )
    return apart / largest if largest else 0.0
