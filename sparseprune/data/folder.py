"""Own pictures: ``root/train/<class>/*.png`` and ``root/test/<class>/*.png`` (or .jpg, .jpeg)."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sparseprune import recipe
from sparseprune.data.dataset import Dataset, Labels, described, pair, prefix
from sparseprune.data.decoding import COLOUR, GREY, Geometry, Whole, opened
from sparseprune.data.pictures import FilePictures, Images
from sparseprune.errors import InputError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})

# Sets up to this many bytes are held in memory; larger ones are decoded as they are used.
HELD_BYTES = 1 << 30

# So many pictures tell mean and deviation of a set that is not held: among 1024 the mean is known
# to about half a level of 255 x 3 %, and every process of a run reads them anew.
_MEASURED = 1024


def load(settings: recipe.Data) -> tuple[Dataset, Dataset]:
    """Pictures sorted into one folder per class; all of one size, or resized to ``settings.size``.

    Small sets of one size are held in memory: grey (C = 1) when every picture read is grey, RGB
    otherwise. Of larger sets, and resized ones, nothing is kept: pictures are decoded when asked
    for, grey when the first is, and mean and deviation are those of 1024 of them, balanced over
    the classes. Only the pictures that the limits keep are opened.

    Raises:
        InputError: no root, no classes, a class without training pictures, or an unusable picture.
    """
    if settings.root is None:
        raise InputError("data.root: expected a folder of pictures for data 'folder', got none")
    classes = _classes(settings.root / "train")
    test_classes = _classes(settings.root / "test")
    unknown = [name for name in test_classes if name not in classes]
    if unknown:
        raise InputError(
            f"{settings.root / 'test' / unknown[0]}: expected one of the training classes "
            f"({', '.join(classes)}); rename or remove the folder"
        )
    for name in classes:
        place = settings.root / "train" / name
        if not any(_is_picture(path) for path in place.iterdir()):
            raise InputError(
                f"{place}: expected pictures ({', '.join(sorted(SUFFIXES))}) of this class, found "
                "none; add some, or remove the folder"
            )
    train_files, train_labels = _files(settings.root / "train", classes, settings.train)
    test_files, test_labels = _files(settings.root / "test", classes, settings.test)
    files = [*train_files, *test_files]
    width, height = _size(files[0])
    split = len(train_files)
    if settings.size is None and math.prod((len(files), width, height, 3)) <= HELD_BYTES:
        images = read(files)
        parts = (images[:split], train_labels), (images[split:], test_labels)
        return pair("folder", *parts, classes)
    train = _on_disk(train_files, settings.size, files[0])
    test = _on_disk(test_files, settings.size, files[0])
    measured = train.subset(prefix(train_labels, min(_MEASURED, split), str(settings.root)))
    return described("folder", (train, train_labels), (test, test_labels), classes, measured)


def _on_disk(files: Sequence[Path], side: int | None, first: Path) -> FilePictures:
    """Pictures that stay where they are; as many channels as ``first`` has."""
    with opened(first) as picture:
        channels = 1 if picture.mode in GREY else 3
        size = picture.size
    if side is not None:
        return FilePictures(files, Geometry(side, resize=side), (side, side), channels)
    return FilePictures(files, Whole(size), size[::-1], channels)


def read(files: Sequence[Path]) -> Images:
    """Pictures uint8 [N, H, W, C] in the order given.

    Raises:
        InputError: names the first picture that cannot be decoded or differs in size.
    """
    width, height = _size(files[0])
    images = np.empty((len(files), height, width, 3), np.uint8)
    grey = True
    for place, path in enumerate(files):
        picture = _decode(path, (width, height))
        grey = grey and picture.ndim == 2
        images[place] = picture[..., None] if picture.ndim == 2 else picture
    return np.ascontiguousarray(images[..., :1]) if grey else images


def _classes(split: Path) -> tuple[str, ...]:
    names = sorted(p.name for p in split.iterdir() if p.is_dir()) if split.is_dir() else []
    if not names:
        raise InputError(
            f"{split}: expected one folder per class with pictures in it, found none; "
            "arrange them as root/train/<class>/*.png and root/test/<class>/*.png"
        )
    return tuple(names)


def _files(split: Path, classes: tuple[str, ...], limit: int | None) -> tuple[list[Path], Labels]:
    """The split's picture files in the order of their names, cut to ``limit``, and labels."""
    found = [
        (path, label)
        for label, name in enumerate(classes)
        for path in sorted((split / name).glob("*"))
        if _is_picture(path)
    ]
    if not found:
        raise InputError(f"{split}: expected pictures ({', '.join(sorted(SUFFIXES))}), found none")
    labels = np.array([label for _, label in found], np.int64)
    chosen = prefix(labels, limit, str(split))
    return [found[place][0] for place in chosen], labels[chosen]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _size(path: Path) -> tuple[int, int]:
    with opened(path) as picture:
        return picture.size


def _decode(path: Path, size: tuple[int, int]) -> np.ndarray:
    """uint8 [H, W] for a grey picture, [H, W, 3] for any other."""
    with opened(path) as picture:
        if picture.size != size:
            raise InputError(
                f"{path}: expected {size[0]} x {size[1]} pixels like the first picture, got "
                f"{picture.size[0]} x {picture.size[1]}; set data.size, or resize them to one size"
            )
        if picture.mode not in GREY | COLOUR:
            raise InputError(
                f"{path}: expected a picture of 8 bits per channel, got mode {picture.mode}; "
                "convert it to 8-bit grey or RGB"
            )
        return np.asarray(picture.convert("L" if picture.mode in GREY else "RGB"))
