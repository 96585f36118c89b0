"""Mean average precision, where a picture may show several classes."""

from typing import Any

import numpy as np
import numpy.typing as npt

from sparseprune.errors import InputError
from sparseprune.evaluate.metrics import Labels, Logits


def mean_average_precision(logits: Logits, labels: Labels) -> float:
    """Mean over classes of the area under the precision-recall curve, as VOC counts from 2010 on.

    Precision at each recall is the largest at that recall or beyond; pictures of equal score
    count in their order.

    Args:
        logits: [N, classes].
        labels: [N, classes]: 1 present, 0 absent, -1 not counted.

    Raises:
        InputError: shapes differ, another label, or a class that no picture shows.
    """
    if logits.ndim != 2 or logits.shape != labels.shape or not np.isin(labels, (-1, 0, 1)).all():
        raise InputError(
            f"expected logits and labels (1, 0 or -1) of one shape [N, classes], got "
            f"{list(logits.shape)} and {list(labels.shape)}"
        )
    empty = np.flatnonzero(~(labels == 1).any(axis=0))
    if empty.size:
        raise InputError(f"expected pictures of every class, got none of class {empty[0]}")
    return float(np.mean([_one(*pair) for pair in zip(logits.T, labels.T, strict=True)]))


def _one(scores: npt.NDArray[Any], labels: npt.NDArray[Any]) -> float:
    counted = labels >= 0
    order = np.argsort(-scores[counted], kind="stable")
    hits = labels[counted][order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float((best * hits).sum() / hits.sum())
