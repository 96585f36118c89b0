"""Networks asked which classes a picture shows: each class is a decision of its own.

A class is shown if its logit is above 0, which is a probability above a half: a choice between the
logits 0 (no) and its own (yes), so that what is measured of predictions is measured of decisions.
"""

import numpy as np
import numpy.typing as npt

from sparseprune.evaluate import metrics, segments
from sparseprune.evaluate.metrics import Labels, Logits
from sparseprune.evaluate.ranking import mean_average_precision
from sparseprune.labels import VOID
from sparseprune.records import Row


def score(logits: Logits, labels: Labels, reference: Logits | None) -> Row:
    """Fields of an ``evaluation`` row.

    Args:
        logits: [N, classes].
        labels: [N, classes]: 1 shown, 0 not shown, -1 not counted.
        reference: the parent's logits; None leaves how like it the network is empty.

    Raises:
        InputError: as ``ranking.mean_average_precision``.
    """
    precision = mean_average_precision(logits, labels)
    counted = labels >= 0
    mine, theirs = (None if it is None else _choices(it)[counted] for it in (logits, reference))
    assert mine is not None
    return {
        "correct": metrics.correct(mine, labels[counted]),
        "total": len(mine),
        "mean_average_precision": precision,
        **metrics.likeness(mine, theirs),
    }


def compare(accelerated: Logits, twin: Logits, labels: Labels) -> Row:
    """Fields of a ``hidden_loss`` row: decisions that making the network fast changed.

    Those on one picture go wrong together, so that the interval takes pictures as the independent
    ones (``segments.Loss``).
    """
    truth = np.where(labels < 0, VOID, labels)[:, None]
    mine, theirs = (np.moveaxis(_choices(it), -1, 1)[:, :, None] for it in (accelerated, twin))
    loss = segments.Loss()
    loss.add(mine, theirs, truth)
    return loss.row()


def _choices(logits: Logits) -> npt.NDArray[np.float32]:
    """(no, yes) of each picture and class, [N, classes, 2]."""
    return np.stack([np.zeros_like(logits), logits], axis=-1)
