"""Mean average precision, where a picture may show several classes."""

from typing import Any

import numpy as np
import numpy.typing as npt

from sparseprune.errors import InputError
from sparseprune.evaluate.metrics import Labels, Logits


def mean_average_precision(logits: Logits, labels: Labels) -> float:
    """Mean over classes of the area under the precision-recall curve, as VOC counts from 2010 on.

    Precision at each recall is the largest at that recall or beyond; pictures of equal score
    count in their order. Classes that no picture shows are left out.

    Args:
        logits: [N, classes].
        labels: [N, classes]: 1 present, 0 absent, -1 not counted.

    Raises:
        InputError: shapes differ, another label, or no picture shows any class.
    """
    if logits.ndim != 2 or logits.shape != labels.shape or not np.isin(labels, (-1, 0, 1)).all():
        raise InputError(
            f"expected logits and labels (1, 0 or -1) of one shape [N, classes], got "
            f"{list(logits.shape)} and {list(labels.shape)}"
        )
    shown = (labels == 1).any(axis=0)
    if not shown.any():
        raise InputError("expected pictures that show a class, got none; raise data.test")
    return float(np.mean([_one(*it) for it in zip(logits.T[shown], labels.T[shown], strict=True)]))


def _one(scores: npt.NDArray[Any], labels: npt.NDArray[Any]) -> float:
    counted = labels >= 0
    order = np.argsort(-scores[counted], kind="stable")
    hits = labels[counted][order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float((best * hits).sum() / hits.sum())
