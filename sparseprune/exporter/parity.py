"""The parity gate: the file to deploy must answer as its source does, within a bound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sparseprune.errors import GateError
from sparseprune.runtime.agreement import apart
from sparseprune.runtime.agreement import half_the_digits as half

Array = npt.NDArray[Any]
Answers = Mapping[str, Array]  # what one run gave, by the output's name


@dataclass
class Found:
    """What the comparison of one output found so far."""

    max_abs: float = 0.0
    bound: float = 0.0
    used: float = 0.0
    flips: int = 0


def half_the_digits(answers: Sequence[Answers]) -> list[dict[str, float]]:
    """A bound for every output of every run: relative to the output's largest value in any."""
    bounds = {
        name: max((half(run[name]) for run in answers if run[name].dtype.kind == "f"), default=0.0)
        for name in answers[0]
    }
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
                largest = max(largest, float(apart(want[name], have[name]).max(initial=0.0)))
        if floats:
            changed += flips(want[floats[0]], have[floats[0]])
    return {"max_abs": largest, "flips": changed}


def flips(expected: Array, got: Array) -> int:
    """How often the largest value along axis 1 is elsewhere.

    Where several were equally the largest, either is right: a sequence may hold a token twice.
    """
    if expected.ndim < 2 or expected.shape != got.shape or not expected.size:
        return 0
    chosen = np.take_along_axis(expected, np.expand_dims(got.argmax(1), 1), 1)
    return int((chosen.squeeze(1) < expected.max(1)).sum())


def _close(
    name: str, expected: Array, got: Array, bound: npt.ArrayLike, worst: Found, images: int
) -> None:
    if expected.shape != got.shape:
        raise GateError(f"parity: expected {name} of shape {expected.shape}, got {got.shape}")
    same = np.isfinite(got) | (got == expected)
    if np.isnan(expected).any() or not same.all():
        raise GateError(f"parity: expected finite {name}, got NaN or infinity")
    difference = apart(expected, got)
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
