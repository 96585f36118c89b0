"""The parity gate: the file to deploy must answer as its source does, within a bound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sparseprune.errors import GateError

Array = npt.NDArray[Any]
Answers = Mapping[str, Array]  # what one run gave, by the output's name

# Without the torch model no bound on rounding can be computed; two evaluations of one network
# agree to at least half of the digits of their type, relative to the largest value.
_COARSEST = np.float32


@dataclass
class Found:
    """What the comparison of one output found so far."""

    max_abs: float = 0.0
    bound: float = 0.0
    used: float = 0.0
    flips: int = 0


def half_the_digits(answers: Sequence[Answers]) -> list[dict[str, float]]:
    """A bound for every output of every run: relative to the output's largest value."""
    bounds: dict[str, float] = {}
    for name in answers[0]:
        arrays = [run[name] for run in answers if run[name].dtype.kind == "f"]
        digits = max((np.finfo(a.dtype).eps for a in arrays), default=0.0)
        finite = [np.abs(a[np.isfinite(a)]).max(initial=0.0) for a in arrays]
        largest = max((float(value) for value in finite), default=0.0)
        bounds[name] = float(np.sqrt(max(digits, np.finfo(_COARSEST).eps))) * largest
    return [bounds for _ in answers]


def limits(answers: Sequence[Answers], bound: float | None) -> list[dict[str, float]]:
    """The given bound for every output of every run, else half of the digits."""
    if bound is None:
        return half_the_digits(answers)
    return [dict.fromkeys(run, bound) for run in answers]


def check(
    expected: Sequence[Answers],
    got: Sequence[Answers],
    bounds: Sequence[Mapping[str, npt.ArrayLike]],
    images: int,
) -> dict[str, Any]:
    """Compare what two networks answered to the same inputs.

    Args:
        expected: the answers of the network to be equal to, run by run.
        got: those of the converted one.
        bounds: on |got - expected| for every output of floats: an array of its shape, or a number.
        images: how many pictures, or samples, were shown.

    Returns:
        ``max_abs`` (largest difference), ``bound`` (the bound there), ``used`` (largest difference
        / bound), ``images``, and ``flips``: how often the largest value along axis 1 of the first
        output of floats changed its place; for logits, pictures whose label changed.

    Raises:
        GateError: a difference exceeds its bound, an answer is NaN or infinite where the source's
            is not, outputs of other types differ and there are no floats, or shapes differ.
    """
    worst = Found()
    floats = [name for name, array in expected[0].items() if array.dtype.kind == "f"]
    for run, (want, have) in enumerate(zip(expected, got, strict=True)):
        for name, reference in want.items():
            if name in floats:
                _close(name, reference, have[name], bounds[run][name], worst, images)
            elif not floats and not np.array_equal(reference, have[name]):
                raise GateError(f"parity: output {name!r} differs from the source's")
        if floats:
            worst.flips += flips(want[floats[0]], have[floats[0]])
    return {
        "max_abs": worst.max_abs,
        "bound": worst.bound,
        "used": worst.used,
        "images": images,
        "flips": worst.flips,
    }


def difference(expected: Sequence[Answers], got: Sequence[Answers]) -> dict[str, Any]:
    """How far two networks are apart, judged by nobody: ``max_abs`` and ``flips``."""
    largest, changed = 0.0, 0
    for want, have in zip(expected, got, strict=True):
        floats = [name for name, array in want.items() if array.dtype.kind == "f"]
        for name in floats:
            if want[name].shape == have[name].shape:
                largest = max(largest, float(_apart(want[name], have[name]).max(initial=0.0)))
        if floats:
            changed += flips(want[floats[0]], have[floats[0]])
    return {"max_abs": largest, "flips": changed}


def flips(expected: Array, got: Array) -> int:
    """How often the largest value along axis 1 is elsewhere."""
    if expected.ndim < 2 or expected.shape != got.shape or not expected.size:
        return 0
    return int((expected.argmax(1) != got.argmax(1)).sum())


def _close(
    name: str, expected: Array, got: Array, bound: npt.ArrayLike, worst: Found, images: int
) -> None:
    if expected.shape != got.shape:
        raise GateError(f"parity: expected {name} of shape {expected.shape}, got {got.shape}")
    same = np.isfinite(got) | (got == expected)
    if np.isnan(expected).any() or not same.all():
        raise GateError(f"parity: expected finite {name}, got NaN or infinity")
    difference = _apart(expected, got)
    if not difference.size:
        return
    limit = np.broadcast_to(np.asarray(bound, dtype=np.float64), difference.shape)
    if not (difference <= limit).all():
        where = np.unravel_index(np.argmax(difference - limit), difference.shape)
        raise GateError(
            f"parity: {name} differ by {difference[where]:.3g} where at most {limit[where]:.3g} "
            f"can come from rounding (picture {where[0] if where else 0}, "
            f"{flips(expected, got)} of {images} labels changed)"
        )
    largest = np.unravel_index(np.argmax(difference), difference.shape)
    if difference[largest] >= worst.max_abs:
        worst.max_abs, worst.bound = float(difference[largest]), float(limit[largest])
    shares = difference / np.maximum(limit, np.finfo(np.float64).tiny)
    worst.used = max(worst.used, float(shares.max()))


def _apart(expected: Array, got: Array) -> npt.NDArray[np.float64]:
    """|got - expected|; equal infinities are not apart."""
    wide = expected.astype(np.float64), got.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.where(wide[0] == wide[1], 0.0, np.abs(wide[1] - wide[0]))
