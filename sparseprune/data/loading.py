"""Which loader a recipe's ``data.name`` means."""

import difflib
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from sparseprune import recipe
from sparseprune.data import cifar, fashion, folder, idx, imagenet, voc
from sparseprune.data.dataset import Dataset
from sparseprune.data.held_out import hold_out
from sparseprune.errors import InputError

LOADERS: dict[str, Callable[[recipe.Data], tuple[Dataset, Dataset]]] = {
    "fashion_mnist": fashion.load,
    "idx": idx.load,
    "folder": folder.load,
    "cifar10": partial(cifar.load, cifar.CIFAR10),
    "cifar100": partial(cifar.load, cifar.CIFAR100),
    "imagenet": imagenet.load,
    "voc": voc.segmentation,
    "voc_classes": voc.classification,
    "voc_augmented": partial(voc.segmentation, train="trainaug", masks="SegmentationClassAug"),
}
# Sets whose pictures come in many sizes.
RESIZED = ("imagenet", "voc", "voc_classes", "voc_augmented", "folder")


class Splits(NamedTuple):
    """Three sets without a common picture; ``held_out`` is None unless some are asked for."""

    train: Dataset
    held_out: Dataset | None
    test: Dataset


def load(settings: recipe.Data) -> tuple[Dataset, Dataset]:
    """The training split, without what is held out of it, and the test split (see ``splits``).

    Raises:
        InputError: as ``splits``.
    """
    found = splits(settings)
    return found.train, found.test


def splits(settings: recipe.Data) -> Splits:
    """The pictures that ``settings`` ask for.

    ``settings.train`` and ``settings.test`` keep the first pictures of a class-balanced order;
    ``settings.validation`` is then held out of training (see ``held_out.hold_out``).

    Raises:
        InputError: unknown name, or files that are missing, damaged or do not belong together.
    """
    if settings.name not in LOADERS:
        near = difflib.get_close_matches(settings.name, LOADERS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "use one of them"
        raise InputError(
            f"data.name: expected one of {', '.join(LOADERS)}, got {settings.name!r}; {hint}"
        )
    if settings.size is not None and settings.name not in RESIZED:
        raise InputError(
            f"data.size: expected one of {', '.join(RESIZED)}, whose pictures are resized as they "
            f"are read, got {settings.name!r}; leave it out"
        )
    train, test = LOADERS[settings.name](settings)
    if settings.validation == 0:
        return Splits(train, None, test)
    kept, held_out = hold_out(train, settings.validation)
    return Splits(kept, held_out, test)
