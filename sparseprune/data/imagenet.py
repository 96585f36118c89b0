"""ImageNet (ILSVRC 2012) from its folders of synsets; pictures are decoded when asked for."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from sparseprune import recipe
from sparseprune.data.dataset import Dataset, Labels, digest_of, prefix
from sparseprune.data.decoding import Geometry
from sparseprune.data.pictures import FilePictures
from sparseprune.errors import InputError

# Of the training pictures; every published network uses them.
STATISTICS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SIDE = 224


SUFFIXES = frozenset({".jpeg", ".jpg", ".png"})


def load(settings: recipe.Data) -> tuple[Dataset, Dataset]:
    """``root/train/<synset>/*.JPEG`` and ``root/val/<synset>/*.JPEG``.

    Classes are the synsets of the training folder in sorted order, which is the order of published
    networks' outputs (no development kit is needed). Every picture is resized to 256 pixels on its
    shorter side and cut to its centre of 224 x 224, or in this proportion to ``settings.size``.

    Raises:
        InputError: no root, no synset folders, validation pictures that are not sorted into them,
            or a synset that training lacks.
    """
    if settings.root is None:
        raise InputError("data.root: expected a folder with train and val for imagenet, got none")
    classes = synsets(settings.root / "train")
    how = geometry(settings.size or SIDE)
    train = split(settings.root / "train", classes, settings.train, how)
    test = split(settings.root / "val", classes, settings.test, how)
    return train, test


def geometry(side: int) -> Geometry:
    """The centre of ``side`` pixels of a picture whose shorter side is 256/224 of that."""
    return Geometry(crop=side, resize=round(side * 256 / SIDE))


def split(folder: Path, classes: Sequence[str], limit: int | None, geometry: Geometry) -> Dataset:
    """The pictures below ``folder``, one folder per synset, sorted by name within each."""
    found = synsets(folder)
    numbers = {name: number for number, name in enumerate(classes)}
    unknown = [name for name in found if name not in numbers]
    if unknown:
        raise InputError(
            f"{folder / unknown[0]}: expected one of the {len(classes)} training classes; "
            "remove the folder or add its training pictures"
        )
    return labelled(
        "imagenet",
        ((file, numbers[name]) for name in found for file in files(folder / name)),
        classes,
        limit,
        geometry,
        str(folder),
    )


def labelled(
    name: str,
    pairs: Iterable[tuple[Path, int]],
    classes: Sequence[str],
    limit: int | None,
    geometry: Geometry,
    source: str,
) -> Dataset:
    """A data set of picture files and class numbers.

    Raises:
        InputError: no pictures, or fewer than ``limit``.
    """
    every = list(pairs)
    if not every:
        raise InputError(f"{source}: expected pictures ({', '.join(sorted(SUFFIXES))}), found none")
    labels: Labels = np.array([label for _, label in every], np.int64)
    chosen = prefix(labels, limit, source)
    side = geometry.crop
    images = FilePictures([every[place][0] for place in chosen], geometry, (side, side))
    labels = labels[chosen]
    mean, std = STATISTICS
    return Dataset(name, images, labels, tuple(classes), digest_of(images, labels), mean, std)


def synsets(folder: Path) -> tuple[str, ...]:
    """Names of the class folders, sorted.

    Raises:
        InputError: there are none; a flat folder of pictures is named as such.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: expected a folder of synsets, got {error}") from error
    names = tuple(entry.name for entry in entries if entry.is_dir())
    if not names:
        flat = any(entry.suffix.lower() in SUFFIXES for entry in entries)
        found = "pictures that are not sorted into them" if flat else "none"
        raise InputError(
            f"{folder}: expected one folder per synset (n01440764, ...), found {found}; "
            "sort the pictures into folders of their synsets"
        )
    return names


def files(folder: Path) -> list[Path]:
    """Picture files of one class, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
