"""Take pictures out of training: the same ones whatever the seed."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sparseprune.data.dataset import Dataset, Labels, balanced_order, digest_of
from sparseprune.data.masks import Masks
from sparseprune.data.pictures import subset
from sparseprune.errors import InputError


def hold_out(train: Dataset, fraction: float) -> tuple[Dataset, Dataset]:
    """(what is left to train on, what was held out), both in file order, equally many per class.

    The held-out pictures are the first of a fixed shuffle, balanced over the classes, so every
    seed and every machine holds out the same (the study saves one split for all its seeds, paper
    3.2). Both keep the mean and deviation of the whole training split.

    Args:
        train: the training split.
        fraction: of its pictures, above 0 and below 1; rounded to whole pictures.

    Raises:
        InputError: nothing would be held out, or nothing left.
    """
    total = len(train.labels)
    count = round(fraction * total)
    if total < 2:
        raise InputError(
            f"data.validation: expected at least 2 training pictures to hold some out, got {total};"
            " give more, or set it to 0"
        )
    if not 0 < count < total:
        raise InputError(
            f"data.validation: expected a fraction that holds out 1 to {total - 1} of {total} "
            f"pictures, got {fraction:g} ({count} pictures); change it"
        )
    shuffled = np.argsort(_mixed(total), kind="stable")
    # Masks and multi-label rows have no class to balance by.
    order = shuffled
    if isinstance(train.labels, np.ndarray) and train.labels.ndim == 1:
        order = shuffled[balanced_order(train.labels[shuffled])]
    return _part(train, np.sort(order[count:])), _part(train, np.sort(order[:count]))


def _part(train: Dataset, places: NDArray[np.intp]) -> Dataset:
    images = subset(train.images, places)
    if isinstance(train.labels, Masks):
        labels: Labels | Masks = train.labels.subset(places)
    else:
        labels = train.labels[places]
    return replace(train, images=images, labels=labels, digest=digest_of(images, labels))


def _mixed(count: int) -> NDArray[np.uint64]:
    """SplitMix64 of 0 to count - 1: one fixed shuffle for every version of numpy."""
    value = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)))
