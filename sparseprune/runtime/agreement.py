"""How far two answers of one network may be apart, where no bound on rounding is known."""

from typing import Any

import numpy as np
import numpy.typing as npt


def half_the_digits(answer: npt.NDArray[Any]) -> float:
    """A bound on the difference of floats: relative to their largest finite magnitude.

    Two orders of summation agree to at least half of the digits of a type. Of float64 no more are
    asked than of float32, in which a part of the network may be computed.
    """
    coarsest = max(np.finfo(answer.dtype).eps, np.finfo(np.float32).eps)
    return float(np.sqrt(coarsest)) * largest(answer)


def largest(answer: npt.NDArray[Any]) -> float:
    """The largest finite magnitude; 0 if there is none."""
    return float(np.abs(answer[np.isfinite(answer)]).max(initial=0.0))


def apart(expected: npt.NDArray[Any], got: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """|got - expected| element by element; equal infinities are not apart."""
    wide = expected.astype(np.float64), got.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.where(wide[0] == wide[1], 0.0, np.abs(wide[1] - wide[0]))
