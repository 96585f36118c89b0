"""Pascal VOC: pictures with several classes each, and masks of a class per pixel.

Source: Everingham et al., "The Pascal Visual Object Classes Challenge" (IJCV 2015), 2007 to 2012.
"""

import re
from pathlib import Path

import numpy as np

from sparseprune import recipe
from sparseprune.data import imagenet
from sparseprune.data.dataset import Dataset, Labels, digest_of
from sparseprune.data.decoding import Geometry
from sparseprune.data.masks import Masks
from sparseprune.data.pictures import FilePictures
from sparseprune.errors import InputError
from sparseprune.labels import UNKNOWN

CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
# The study's test pictures (paper 3.2): shorter side and crop.
SIDE = 513

_FOLDERS = tuple(f"VOCdevkit/VOC{year}" for year in (2012, 2011, 2010, 2009, 2008, 2007))
_NAME = re.compile(r"[\w.-]+", re.ASCII)
_MAX_BYTES = 4 << 20
# What stands behind a picture's name, as a label: present, absent, present but difficult.
_MEANING = {"1": 1, "-1": 0, "0": UNKNOWN}


def classification(settings: recipe.Data) -> tuple[Dataset, Dataset]:
    """Splits train and val from ``ImageSets/Main/<class>_<split>.txt``; 224 x 224 pictures.

    ``labels`` are int64 [N, 20]: 1 present, 0 absent, -1 present but difficult, not to be counted.

    Raises:
        InputError: no root, or a file is missing or damaged.
    """
    root = _root(settings)
    return (
        _several(root, "train", settings.train, settings.size or imagenet.SIDE),
        _several(root, "val", settings.test, settings.size or imagenet.SIDE),
    )


def segmentation(
    settings: recipe.Data, *, train: str = "train", masks: str = "SegmentationClass"
) -> tuple[Dataset, Dataset]:
    """Splits ``train`` and val from ``ImageSets/Segmentation``.

    ``images`` are uint8 [N, 513, 513, 3], or of another side (``settings.size``); ``labels`` are
    ``Masks`` of the same size. Both are decoded when asked for.

    The larger training set of SBD is found in the layout it is usually converted to with
    ``train="trainaug", masks="SegmentationClassAug"``.

    Raises:
        InputError: no root, or a file is missing or damaged.
    """
    root = _root(settings)
    return (
        _segmented(root, train, masks, settings.train, settings.size or SIDE),
        _segmented(root, "val", masks, settings.test, settings.size or SIDE),
    )


def _root(settings: recipe.Data) -> Path:
    if settings.root is None:
        raise InputError("data.root: expected a folder with VOCdevkit for voc, got none")
    places = [settings.root, *(settings.root / name for name in _FOLDERS)]
    places += [settings.root / "TrainVal" / name for name in _FOLDERS]
    for place in places:
        if (place / "JPEGImages").is_dir():
            return place
    raise InputError(
        f"{settings.root}: expected VOCdevkit/VOC2012/JPEGImages (or another year), found none; "
        "unpack the archive there"
    )


def _several(root: Path, split: str, limit: int | None, side: int) -> Dataset:
    lists = {name: _entries(root, "Main", f"{name}_{split}", 2) for name in CLASSES}
    names = [entry[0] for entry in lists[CLASSES[0]]]
    labels: Labels = np.empty((len(names), len(CLASSES)), np.int64)
    for column, (name, entries) in enumerate(lists.items()):
        wrong = [entry[1] for entry in entries if entry[1] not in _MEANING]
        if [entry[0] for entry in entries] != names or wrong:
            raise InputError(
                f"{root / 'ImageSets' / 'Main' / f'{name}_{split}.txt'}: expected 1, 0 or -1 for "
                f"the pictures of {CLASSES[0]}_{split}.txt in their order; unpack VOC again"
            )
        labels[:, column] = [_MEANING[entry[1]] for entry in entries]
    kept = _first(names, limit, root)
    images = FilePictures(_pictures(root, kept), imagenet.geometry(side), (side, side))
    labels = labels[: len(kept)]
    mean, std = imagenet.STATISTICS
    return Dataset("voc", images, labels, CLASSES, images.digest(labels), mean, std)


def _segmented(root: Path, split: str, folder: str, limit: int | None, side: int) -> Dataset:
    names = [entry[0] for entry in _entries(root, "Segmentation", split, 1)]
    kept = _first(names, limit, root)
    images = FilePictures(_pictures(root, kept), Geometry(side, resize=side), (side, side))
    files = [_existing(root / folder / f"{name}.png") for name in kept]
    numbers = Geometry(side, resize=side, indices=True)
    masks = Masks(FilePictures(files, numbers, (side, side), channels=1))
    classes = ("background", *CLASSES)
    mean, std = imagenet.STATISTICS
    return Dataset("voc", images, masks, classes, digest_of(images, masks), mean, std)


def _entries(root: Path, kind: str, name: str, width: int) -> list[list[str]]:
    """Lines of an image set, each of ``width`` words, the first a picture's name."""
    path = root / "ImageSets" / kind / f"{name}.txt"
    try:
        with path.open("rb") as stream:
            text = stream.read(_MAX_BYTES).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a list of pictures, got {error}") from error
    entries = [line.split() for line in text.splitlines() if line.strip()]
    wrong = [entry for entry in entries if len(entry) != width or not _NAME.fullmatch(entry[0])]
    if wrong or not entries:
        found = " ".join(wrong[0])[:60] if wrong else "nothing"
        raise InputError(f"{path}: expected lines of {width} word(s), got {found!r}")
    return entries


def _first(names: list[str], limit: int | None, root: Path) -> list[str]:
    if limit is not None and limit > len(names):
        raise InputError(
            f"{root}: expected a limit of at most {len(names)} pictures, got {limit}; "
            "lower data.train or data.test"
        )
    return names[:limit]


def _pictures(root: Path, names: list[str]) -> list[Path]:
    return [_existing(root / "JPEGImages" / f"{name}.jpg") for name in names]


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{path}: expected this picture of the list, found none; unpack VOC again")
    return path
