"""Numbers of one network on one distribution, from its logits. All sums are in float64."""

from typing import Any

import numpy as np
import numpy.typing as npt

from sparseprune.errors import InputError

Logits = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer[Any]]

# Predictions at once: those of ImageNet's 50 000 pictures would take 400 MB in float64, some times.
_ROWS = 1 << 14


def softmax(logits: Logits) -> npt.NDArray[np.float64]:
    """Probabilities [N, classes] of logits [N, classes]."""
    # The largest logit is subtracted, so no exponential overflows.
    scores = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    result: npt.NDArray[np.float64] = scores / scores.sum(axis=1, keepdims=True)
    return result


def correct(logits: Logits, labels: Labels) -> int:
    """How many of N pictures get their label as the first prediction.

    Raises:
        InputError: ``labels`` are not one per picture.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise InputError(
            f"expected logits [N, classes] and labels [N], got {list(logits.shape)} and "
            f"{list(labels.shape)}; give one label per picture"
        )
    return int((logits.argmax(axis=1) == labels).sum())


def agreement(logits: Logits, reference: Logits) -> int:
    """How many of N predictions are the reference's (paper 1.8, "matching predictions")."""
    _same_shape(logits, reference)
    return int((logits.argmax(axis=1) == reference.argmax(axis=1)).sum())


def softmax_distance(logits: Logits, reference: Logits) -> float:
    """Mean over pictures of ||softmax(f) - softmax(g)||_2, 0 to sqrt(2) (paper 1.8)."""
    _same_shape(logits, reference)
    total = 0.0
    for start in range(0, len(logits), _ROWS):
        part = slice(start, start + _ROWS)
        apart = softmax(logits[part]) - softmax(reference[part])
        total += float(np.linalg.norm(apart, axis=1).sum())
    return total / len(logits)


def likeness(logits: Logits, reference: Logits | None) -> dict[str, Any]:
    """``agreement`` and ``softmax_distance`` as fields of a row; both null without a reference."""
    if reference is None:
        return {"agreement": None, "softmax_distance": None}
    return {
        "agreement": agreement(logits, reference),
        "softmax_distance": softmax_distance(logits, reference),
    }


def _same_shape(logits: Logits, reference: Logits) -> None:
    if logits.ndim != 2 or logits.shape != reference.shape:
        raise InputError(
            f"expected two sets of logits [N, classes] of one shape, got {list(logits.shape)} "
            f"and {list(reference.shape)}; compare networks of equal classes on equal pictures"
        )
