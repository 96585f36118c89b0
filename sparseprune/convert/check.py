"""The parity gate: a converted network must answer as its source does, within a computed bound."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from sparseprune.errors import GateError

Array = npt.NDArray[Any]
# float32 [N, ...] to logits [N, classes]; a Runner's ``predict`` is one.
Predict = Callable[[Array], Array]


def parity(
    reference: Predict, candidate: Predict, inputs: Array, bound: npt.ArrayLike
) -> dict[str, Any]:
    """Compare two networks on the same pictures.

    Args:
        reference: the network to be equal to.
        candidate: the converted one.
        inputs: float32 [N, C, H, W].
        bound: on |candidate - reference|: [N, classes] as ``bounds.difference`` gives, or a number.

    Returns:
        ``max_abs`` (largest difference of a logit), ``bound`` (the bound at that logit), ``used``
        (largest difference / bound), ``images`` and ``flips`` (pictures whose label changed).

    Raises:
        GateError: a difference exceeds its bound, an answer is not finite, or shapes differ.
    """
    expected, got = np.asarray(reference(inputs)), np.asarray(candidate(inputs))
    if expected.shape != got.shape:
        raise GateError(f"parity: expected logits of shape {expected.shape}, got {got.shape}")
    if not (np.isfinite(expected).all() and np.isfinite(got).all()):
        raise GateError("parity: expected finite logits, got NaN or infinity")
    difference = np.abs(got.astype(np.float64) - expected.astype(np.float64))
    limit = np.broadcast_to(np.asarray(bound, dtype=np.float64), difference.shape)
    flips = int((expected.argmax(1) != got.argmax(1)).sum())
    if not (difference <= limit).all():
        worst = np.unravel_index(np.argmax(difference - limit), difference.shape)
        raise GateError(
            f"parity: logits differ by {difference[worst]:.3g} where at most {limit[worst]:.3g} "
            f"can come from rounding (picture {worst[0]}, {flips} of {len(inputs)} labels changed)"
        )
    largest = np.unravel_index(np.argmax(difference), difference.shape)
    return {
        "max_abs": float(difference[largest]),
        "bound": float(limit[largest]),
        "used": float(np.max(difference / np.maximum(limit, np.finfo(np.float64).tiny))),
        "images": len(inputs),
        "flips": flips,
    }
