"""CIFAR-10.1 and CIFAR-10-C: published test sets of other distributions for CIFAR-10's classes."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sparseprune.data import npy
from sparseprune.data.checksums import check_md5
from sparseprune.data.dataset import Labels
from sparseprune.data.pictures import Images
from sparseprune.errors import InputError

# Of the label files; no digests of the pictures were published.
LABELS_MD5 = {
    "v4": "6b7b8e6d26b5addd368440d9e0a24ead",
    "v6": "09a97fb7c430502fcbd69d95093a3f85",
}


def cifar10_1(root: Path, version: str, *, checksums: bool = True) -> tuple[Images, Labels]:
    """Pictures uint8 [N, 32, 32, 3], mapped, and labels int64 [N] of ``version`` v4 or v6.

    Source: Recht et al., "Do CIFAR-10 Classifiers Generalize to CIFAR-10?" (2018).

    Raises:
        InputError: a file is missing, damaged or not the published one.
    """
    folder = next((p for p in (root, root / "datasets") if _data(p, version).is_file()), root)
    images = npy.read(_data(folder, version), ("uint8",), (None, 32, 32, 3))
    path = folder / f"cifar10.1_{version}_labels.npy"
    expected = LABELS_MD5[version] if checksums else None
    check_md5(path, expected, "evaluate.published.checksums")
    labels = npy.read(path, ("int32", "int64", "uint8"), (len(images),))
    return images, _labels(path, labels)


def cifar10_c(root: Path, corruption: str, severity: int) -> tuple[Images, Labels]:
    """Rows of one severity: pictures uint8 [N, 32, 32, 3], mapped, and labels int64 [N].

    A file holds five severities one after the other, each the whole test set in its order.
    Source: Hendrycks and Dietterich (ICLR 2019).

    Raises:
        InputError: a file is missing or damaged, or does not hold five severities.
    """
    folder = root / "CIFAR-10-C" if (root / "CIFAR-10-C").is_dir() else root
    images = npy.read(folder / f"{corruption}.npy", ("uint8",), (None, 32, 32, 3))
    path = folder / "labels.npy"
    labels = npy.read(path, ("uint8", "int64", "int32"), (len(images),))
    if len(images) % 5:
        raise InputError(
            f"{folder / f'{corruption}.npy'}: expected five severities of equal length, got "
            f"{len(images)} pictures; fetch the file again"
        )
    count = len(images) // 5
    rows = slice((severity - 1) * count, severity * count)
    return images[rows], _labels(path, labels[rows])


def _data(folder: Path, version: str) -> Path:
    return folder / f"cifar10.1_{version}_data.npy"


def _labels(path: Path, labels: NDArray[np.integer]) -> Labels:
    if labels.min() < 0 or labels.max() > 9:
        raise InputError(f"{path}: expected labels 0 to 9, got {labels.min()} to {labels.max()}")
    return labels.astype(np.int64)
