"""Own pictures: ``root/train/<class>/*.png`` and ``root/test/<class>/*.png`` (or .jpg, .jpeg)."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sparseprune import recipe
from sparseprune.data.dataset import Dataset, Labels, pair, prefix
from sparseprune.data.decoding import COLOUR, GREY, opened
from sparseprune.data.pictures import Images
from sparseprune.errors import InputError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})

# The pictures are held in memory; a larger set wants a limit (data.train, data.test).
MAX_BYTES = 4 << 30


def load(settings: recipe.Data) -> tuple[Dataset, Dataset]:
    """Pictures sorted into one folder per class; all of one size.

    Grey (C = 1) when every picture read is grey, RGB otherwise. Only the pictures that the limits
    keep are opened.

    Raises:
        InputError: no root, no classes, a class the training split lacks, or an unusable picture.
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
    train_files, train_labels = _files(settings.root / "train", classes, settings.train)
    test_files, test_labels = _files(settings.root / "test", classes, settings.test)
    images = read([*train_files, *test_files])
    split = len(train_files)
    return pair("folder", (images[:split], train_labels), (images[split:], test_labels), classes)


def read(files: Sequence[Path]) -> Images:
    """Pictures uint8 [N, H, W, C] in the order given.

    Raises:
        InputError: names the first picture that cannot be decoded or differs in size.
    """
    width, height = _size(files[0])
    if math.prod((len(files), width, height, 3)) > MAX_BYTES:
        raise InputError(
            f"{files[0]}: expected at most {MAX_BYTES} bytes of pictures, got {len(files)} of "
            f"{width} x {height}; set data.train and data.test, or make the pictures smaller"
        )
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
        if path.suffix.lower() in SUFFIXES
    ]
    if not found:
        raise InputError(f"{split}: expected pictures ({', '.join(sorted(SUFFIXES))}), found none")
    labels = np.array([label for _, label in found], np.int64)
    chosen = prefix(labels, limit, str(split))
    return [found[place][0] for place in chosen], labels[chosen]


def _size(path: Path) -> tuple[int, int]:
    with opened(path) as picture:
        return picture.size


def _decode(path: Path, size: tuple[int, int]) -> np.ndarray:
    """uint8 [H, W] for a grey picture, [H, W, 3] for any other."""
    with opened(path) as picture:
        if picture.size != size:
            raise InputError(
                f"{path}: expected {size[0]} x {size[1]} pixels like the first picture, got "
                f"{picture.size[0]} x {picture.size[1]}; resize the pictures to one size"
            )
        if picture.mode not in GREY | COLOUR:
            raise InputError(
                f"{path}: expected a picture of 8 bits per channel, got mode {picture.mode}; "
                "convert it to 8-bit grey or RGB"
            )
        return np.asarray(picture.convert("L" if picture.mode in GREY else "RGB"))
