"""The value every loader returns: labelled 8-bit pictures and what is needed to normalise them."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparseprune.errors import InputError

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
Statistics = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Dataset:
    """Labelled pictures of one split.

    ``images`` is uint8 [N, H, W, C] with C = 1 (grey) or 3 (RGB), ``labels`` int64 [N] indexes
    ``classes``. ``digest`` is the SHA-256 of shapes and bytes. ``mean`` and ``std`` are per channel
    on the scale 0..1 and come from the *training* pictures, for the test split too.
    """

    name: str
    images: Images
    labels: Labels
    classes: tuple[str, ...]
    digest: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


def pair(
    name: str,
    train: tuple[Images, Labels],
    test: tuple[Images, Labels],
    classes: tuple[str, ...],
) -> tuple[Dataset, Dataset]:
    """Join both splits into datasets that share the classes and the training statistics.

    Raises:
        InputError: the splits' picture shapes differ, or a training channel is constant.
    """
    if train[0].shape[1:] != test[0].shape[1:]:
        raise InputError(
            f"{name}: expected train and test pictures of one shape [H, W, C], got "
            f"{list(train[0].shape[1:])} and {list(test[0].shape[1:])}; resize one split"
        )
    mean, std = statistics(train[0])
    if min(std) == 0:
        raise InputError(
            f"{name}: expected training pictures that differ, got the same value in every pixel of "
            f"channel {std.index(0.0)}; check the files"
        )
    first, second = (
        Dataset(name, images, labels, classes, digest(images, labels), mean, std)
        for images, labels in (train, test)
    )
    return first, second


def statistics(images: Images) -> Statistics:
    """Mean and (population) standard deviation per channel, on the scale 0..1.

    Taken from 256-bin histograms, hence exact sums however many pictures there are.
    """
    levels = np.arange(256) / 255.0
    mean, std = [], []
    for channel in range(images.shape[-1]):
        share = np.bincount(images[..., channel].ravel(), minlength=256) / images[..., 0].size
        centre = float(share @ levels)
        mean.append(centre)
        std.append(float(np.sqrt(share @ (levels - centre) ** 2)))
    return tuple(mean), tuple(std)


def digest(images: Images, labels: Labels) -> str:
    """Hex SHA-256 over the shapes and bytes of pictures and labels."""
    value = hashlib.sha256()
    for array in (images, labels.astype("<i8")):
        value.update(repr(array.shape).encode())
        value.update(np.ascontiguousarray(array).data)
    return value.hexdigest()


def normalise(images: Images, by: Dataset | Statistics) -> NDArray[np.float32]:
    """``(x / 255 - mean) / std`` as float32 [N, C, H, W].

    A picture has 256 levels, so one table per channel holds every result, rounded once from
    float64.

    Args:
        images: uint8 [N, H, W, C].
        by: a dataset, or its ``(mean, std)``.
    """
    mean, std = (by.mean, by.std) if isinstance(by, Dataset) else by
    result = np.empty((len(images), images.shape[3], *images.shape[1:3]), np.float32)
    levels = np.arange(256) / 255.0
    for channel in range(images.shape[3]):
        table = ((levels - mean[channel]) / std[channel]).astype(np.float32)
        np.take(table, images[..., channel], out=result[:, channel])
    return result


def balanced_order(labels: NDArray[np.integer]) -> NDArray[np.intp]:
    """A stable order in which every prefix has nearly equal numbers of each class.

    First the first picture of each class, then the second of each, and so on; classes that run
    out are passed over.
    """
    rank = np.empty(len(labels), np.intp)
    for label in np.unique(labels):
        (places,) = np.nonzero(labels == label)
        rank[places] = np.arange(len(places))
    return np.lexsort((labels, rank))


def prefix(labels: NDArray[np.integer], limit: int | None, source: str) -> NDArray[np.intp]:
    """Which pictures a limit keeps: all in file order, or the first ``limit`` balanced ones.

    Raises:
        InputError: the limit asks for more pictures than ``source`` has.
    """
    if limit is None:
        return np.arange(len(labels))
    if limit > len(labels):
        raise InputError(
            f"{source}: expected a limit of at most {len(labels)} pictures, got {limit}; "
            "lower data.train or data.test"
        )
    return balanced_order(labels)[:limit]
