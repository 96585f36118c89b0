"""Mean intersection over union of predicted masks: over the whole set, or as the study took it."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sparseprune.errors import InputError
from sparseprune.labels import VOID

Mask = npt.NDArray[np.integer[Any]]


class Confusion:
    """How many pixels of each class were given each class.

    Attributes:
        counts: int64 [classes, classes]; row: the mask's class, column: the predicted one.
    """

    def __init__(self, classes: int) -> None:
        self.counts = np.zeros((classes, classes), np.int64)

    def add(self, predicted: Mask, masks: Mask) -> None:
        """Count pixels of two arrays of one shape; those whose mask is ``VOID`` are left out.

        Raises:
            InputError: shapes differ, or a class is not among those there are.
        """
        if predicted.shape != masks.shape:
            raise InputError(
                f"expected predictions and masks of one shape, got {list(predicted.shape)} and "
                f"{list(masks.shape)}"
            )
        classes = len(self.counts)
        counted = masks != VOID
        truth, answer = masks[counted].astype(np.int64), predicted[counted].astype(np.int64)
        for name, values in (("masks", truth), ("predictions", answer)):
            if values.size and not 0 <= values.min() <= values.max() < classes:
                raise InputError(
                    f"{name}: expected classes 0 to {classes - 1} (or {VOID}: void), got "
                    f"{values.min()} to {values.max()}"
                )
        pairs = np.bincount(truth * classes + answer, minlength=classes**2)
        self.counts += pairs.reshape(classes, classes)

    def mean_iou(self) -> float:
        """Mean over classes of intersection / union; classes of empty union are left out.

        NaN where nothing was counted.
        """
        both = np.diag(self.counts)
        either = self.counts.sum(axis=0) + self.counts.sum(axis=1) - both
        there = either > 0
        return float((both[there] / either[there]).mean()) if there.any() else float("nan")


def mean_iou(
    batches: Iterable[tuple[Mask, Mask]],
    classes: int,
    average: Literal["set", "batch"] = "set",
) -> float:
    """Mean intersection over union of (predicted, masks) batches [n, H, W], 0 to 1.

    Args:
        batches: gone through once; memory is that of one batch.
        classes: background included.
        average: ``set`` counts pixels over all batches first, the usual definition. ``batch`` is
            the study's (paper 4): the mean over batches of each batch's own, in which the classes
            it lacks do not count. It depends on batch size and order.

    Raises:
        InputError: no batches with counted pixels, or as ``Confusion.add``.
    """
    whole = Confusion(classes)
    each = []
    for predicted, masks in batches:
        part = Confusion(classes)
        part.add(predicted, masks)
        whole.counts += part.counts
        if part.counts.any():
            each.append(part.mean_iou())
    if not each:
        raise InputError("expected masks with at least one pixel that is not void, got none")
    return whole.mean_iou() if average == "set" else float(np.mean(each))
