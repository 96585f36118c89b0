"""CIFAR-10 and CIFAR-100 in both published layouts: Python batches and binary records.

Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sparseprune import recipe
from sparseprune.data import pickles
from sparseprune.data.checksums import check_md5
from sparseprune.data.dataset import Dataset, Labels, pair, prefix
from sparseprune.data.pictures import Images
from sparseprune.errors import InputError

CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)

# What the study and most published networks normalise CIFAR-10 by (paper 3.2). The deviations are
# means over pictures of each picture's own, smaller than those of all pixels (0.247).
CIFAR10_STATISTICS = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))

_PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class _Layout:
    """Where a set's files are. A binary record begins with ``label_bytes``; the last counts."""

    name: str
    classes: int
    python: str
    binary: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    binary_suffix: str
    label_key: str
    label_bytes: int
    meta: str
    names_key: str
    binary_meta: str
    md5: dict[str, str]


CIFAR10 = _Layout(
    name="cifar10",
    classes=10,
    python="cifar-10-batches-py",
    binary="cifar-10-batches-bin",
    train=tuple(f"data_batch_{number}" for number in range(1, 6)),
    test=("test_batch",),
    binary_suffix=".bin",
    label_key="labels",
    label_bytes=1,
    meta="batches.meta",
    names_key="label_names",
    binary_meta="batches.meta.txt",
    md5={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    },
)
CIFAR100 = _Layout(
    name="cifar100",
    classes=100,
    python="cifar-100-python",
    binary="cifar-100-binary",
    train=("train",),
    test=("test",),
    binary_suffix=".bin",
    label_key="fine_labels",
    label_bytes=2,
    meta="meta",
    names_key="fine_label_names",
    binary_meta="fine_label_names.txt",
    md5={
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    },
)


def load(layout: _Layout, settings: recipe.Data) -> tuple[Dataset, Dataset]:
    """Training and test split from ``settings.root``: the folder, or the one it was unpacked in.

    Python batches are taken where both layouts are there. Only they have published digests
    (``settings.checksums``).

    Raises:
        InputError: no root, a file is missing, damaged or not the published one.
    """
    if settings.root is None:
        raise InputError(f"data.root: expected a folder with {layout.name}'s files, got none")
    folder, binary = _folder(layout, settings.root)
    read = partial(_records if binary else _batch, layout, checksums=settings.checksums)
    splits = []
    for files, limit in ((layout.train, settings.train), (layout.test, settings.test)):
        suffix = layout.binary_suffix if binary else ""
        parts = [read(folder / f"{name}{suffix}") for name in files]
        images = np.concatenate([images for images, _ in parts])
        labels = np.concatenate([labels for _, labels in parts])
        chosen = prefix(labels, limit, str(folder))
        splits.append((images[chosen], labels[chosen]))
    names = _names(layout, folder, binary, settings.checksums)
    train, test = pair(layout.name, splits[0], splits[1], names)
    if layout is CIFAR10:
        mean, std = CIFAR10_STATISTICS
        return replace(train, mean=mean, std=std), replace(test, mean=mean, std=std)
    return train, test


def _folder(layout: _Layout, root: Path) -> tuple[Path, bool]:
    """The folder that holds the files, and whether they are binary records."""
    for name, binary in ((layout.python, False), (layout.binary, True)):
        for folder in (root, root / name):
            file = layout.train[0] + (layout.binary_suffix if binary else "")
            if (folder / file).is_file():
                return folder, binary
    raise InputError(
        f"{root}: expected {layout.python}/{layout.train[0]} or "
        f"{layout.binary}/{layout.train[0]}{layout.binary_suffix}, found neither; "
        "unpack the archive there"
    )


def _batch(layout: _Layout, path: Path, *, checksums: bool) -> tuple[Images, Labels]:
    content = _unpickled(layout, path, checksums)
    data, labels = content.get("data"), content.get(layout.label_key)
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != _PIXELS:
        raise InputError(
            f"{path}: expected pictures uint8 [N, {_PIXELS}] under 'data', got "
            f"{_kind(data)}; fetch the file again"
        )
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise InputError(f"{path}: expected whole numbers under '{layout.label_key}'")
    return _checked(layout, path, data, np.array(labels, np.int64))


def _records(layout: _Layout, path: Path, *, checksums: bool) -> tuple[Images, Labels]:
    size = layout.label_bytes + _PIXELS
    try:
        length = path.stat().st_size
        if length % size or not 0 < length <= pickles.MAX_BYTES:
            raise InputError(
                f"{path}: expected records of {size} bytes, at most {pickles.MAX_BYTES} in all, "
                f"got {length} bytes; fetch the file again"
            )
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"{path}: expected a readable file, got {error}") from error
    records = content[: length // size * size].reshape(-1, size)
    labels = records[:, layout.label_bytes - 1].astype(np.int64)
    return _checked(layout, path, records[:, layout.label_bytes :], labels)


def _checked(
    layout: _Layout, path: Path, data: np.ndarray, labels: Labels
) -> tuple[Images, Labels]:
    """Pictures [N, 32, 32, 3] of rows that hold a red, a green and a blue plane."""
    if len(data) != len(labels) or not len(labels):
        raise InputError(
            f"{path}: expected one label per picture, got {len(labels)} for {len(data)}"
        )
    if labels.min() < 0 or labels.max() >= layout.classes:
        raise InputError(
            f"{path}: expected labels 0 to {layout.classes - 1}, got {labels.min()} to "
            f"{labels.max()}; check which set it is"
        )
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


def _names(layout: _Layout, folder: Path, binary: bool, checksums: bool) -> tuple[str, ...]:
    """Names of the classes; CIFAR-10's are known, so its meta file may be absent."""
    meta = folder / (layout.binary_meta if binary else layout.meta)
    if layout is CIFAR10 and not meta.is_file():
        return CIFAR10_CLASSES
    if binary:
        names: Any = _lines(meta)
    else:
        names = _unpickled(layout, meta, checksums).get(layout.names_key)
    if not isinstance(names, Sequence) or len(names) != layout.classes:
        raise InputError(f"{meta}: expected {layout.classes} names of classes, got {_kind(names)}")
    return tuple(map(str, names))


def _lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8") as stream:
            text = stream.read(1 << 16)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected the names of the classes, got {error}") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _unpickled(layout: _Layout, path: Path, checksums: bool) -> dict[str, Any]:
    check_md5(path, layout.md5.get(path.name) if checksums else None)
    return pickles.read(path)


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {list(value.shape)}"
    return f"{type(value).__name__}{f' of {len(value)}' if isinstance(value, list) else ''}"
