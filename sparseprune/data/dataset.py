"""The value every loader returns: labelled 8-bit pictures and what is needed to normalise them."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sparseprune.data.masks import Masks
from sparseprune.data.pictures import FilePictures, Images, Pictures, pieces
from sparseprune.errors import InputError

Labels = NDArray[np.int64]
Statistics = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Dataset:
    """Labelled pictures of one split.

    ``images`` is uint8 [N, H, W, C] with C = 1 (grey) or 3 (RGB), ``labels`` int64 [N] indexes
    ``classes``. Pictures are an array, or decoded when they are asked for (``pictures``: take those
    in ``pieces``). Where a picture has several classes, ``labels`` is [N, classes]: 1 present,
    0 absent, -1 not to be counted; where each pixel has one, ``labels`` are ``Masks`` [N, H, W].
    ``digest`` is the SHA-256 of shapes and bytes. ``mean`` and ``std`` are per channel on the scale
    0..1: those published with the set, or those of the *training* pictures, for the test split too.
    """

    name: str
    images: Pictures
    labels: Labels | Masks
    classes: tuple[str, ...]
    digest: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


class HasStatistics(Protocol):
    """What knows how its pictures are normalised."""

    @property
    def mean(self) -> tuple[float, ...]:
        """Per channel, on the scale 0..1."""

    @property
    def std(self) -> tuple[float, ...]:
        """Per channel, on the scale 0..1."""


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
    return described(name, train, test, classes, train[0])


def described(
    name: str,
    train: tuple[Pictures, Labels],
    test: tuple[Pictures, Labels],
    classes: tuple[str, ...],
    measured: Pictures,
) -> tuple[Dataset, Dataset]:
    """Both splits with the statistics of ``measured``, pictures of the training split.

    Raises:
        InputError: a channel of them is constant.
    """
    mean, std = statistics(measured)
    if min(std) == 0:
        raise InputError(
            f"{name}: expected training pictures that differ, got the same value in every pixel of "
            f"channel {std.index(0.0)}; check the files"
        )
    first, second = (
        Dataset(name, images, labels, classes, digest_of(images, labels), mean, std)
        for images, labels in (train, test)
    )
    return first, second


def statistics(images: Pictures) -> Statistics:
    """Mean and (population) standard deviation per channel, on the scale 0..1.

    Taken from 256-bin histograms, hence exact sums however many pictures there are.
    """
    levels = np.arange(256) / 255.0
    counts = np.zeros((images.shape[-1], 256), np.int64)
    for _, piece in pieces(images):
        for channel, count in enumerate(counts):
            count += np.bincount(piece[..., channel].ravel(), minlength=256)
    mean, std = [], []
    for count in counts:
        share = count / count.sum()
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


def digest_of(images: Pictures, labels: Labels | Masks) -> str:
    """``digest``, or what stands for it where the pictures are files."""
    if isinstance(labels, Masks):
        return hashlib.sha256(
            f"{digest_of(images, np.zeros(0, np.int64))} {labels.digest()}".encode()
        ).hexdigest()
    if isinstance(images, FilePictures):
        return images.digest(labels)
    return digest(images[:], labels)


def normalise(images: Pictures, by: HasStatistics | Statistics) -> NDArray[np.float32]:
    """``(x / 255 - mean) / std`` as float32 [N, C, H, W].

    A picture has 256 levels, so one table per channel holds every result, rounded once from
    float64.

    Args:
        images: uint8 [N, H, W, C]; all of them are asked for at once.
        by: a dataset, or its ``(mean, std)``.
    """
    mean, std = by if isinstance(by, tuple) else (by.mean, by.std)
    images = images[:]
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
