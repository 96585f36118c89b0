"""IDX files (the MNIST format): a bounded, validated reader.

Layout: two zero bytes, a type byte (8 = unsigned byte), the number of dimensions, each dimension
as a big-endian 32-bit integer, then the values. Files may be plain, ``.gz`` or ``.xz``.
"""

import gzip
import hashlib
import lzma
import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, cast

import numpy as np

from sparseprune import recipe
from sparseprune.data.dataset import Dataset, Labels, pair, prefix
from sparseprune.data.pictures import Images
from sparseprune.errors import InputError

NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}

# Twice the largest IDX set in use (EMNIST by class, 547 MB); a header that asks for more is refused
# before anything is allocated.
MAX_BYTES = 1 << 30
_BLOCK = 1 << 20


def read(path: Path, dimensions: int, sha256: str | None = None) -> np.ndarray:
    """The uint8 array in one IDX file.

    Memory grows with what the file holds, never with what its header claims.

    Args:
        path: a plain, ``.gz`` or ``.xz`` file.
        dimensions: 3 for pictures [N, H, W], 1 for labels [N].
        sha256: expected digest of the decompressed bytes, checked if given.

    Raises:
        InputError: missing, truncated, hostile or damaged file, or another digest.
    """
    try:
        with _open(path) as stream:
            header = _exactly(stream, 4 + 4 * dimensions)
            shape = _shape(path, header, dimensions)
            body = _exactly(stream, math.prod(shape) + 1)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise InputError(
            f"{path}: expected a readable IDX file, got {error}; fetch the file again"
        ) from error
    if len(body) != math.prod(shape):
        came = "more" if len(body) > math.prod(shape) else str(len(body))
        raise InputError(
            f"{path}: expected {math.prod(shape)} bytes of data as its header says, got {came}; "
            "fetch the file again"
        )
    _check_digest(path, header + body, sha256)
    return np.frombuffer(body, np.uint8).reshape(shape)


def find(root: Path, name: str, suffixes: Sequence[str] = ("", ".gz")) -> Path:
    """The first of ``root/name`` + suffix that exists.

    ``.xz`` is for the packaged files only: an xz file sets its decoder's memory (up to 4 GiB).

    Raises:
        InputError: none of them exists.
    """
    for suffix in suffixes:
        path = root / (name + suffix)
        if path.is_file():
            return path
    kinds = " or ".join(suffix or "plain" for suffix in suffixes)
    raise InputError(
        f"{root}: expected the file {name} ({kinds}), found none; "
        "point data.root at the folder that holds the four IDX files"
    )


def read_split(
    root: Path,
    split: str,
    limit: int | None,
    sha256: Mapping[str, str] | None = None,
    suffixes: Sequence[str] = ("", ".gz"),
) -> tuple[Images, Labels]:
    """Pictures uint8 [N, H, W, 1] and labels int64 [N] of ``split`` ("train" or "test").

    Raises:
        InputError: as ``read`` and ``find``, or the numbers of pictures and labels differ.
    """
    files = [find(root, name, suffixes) for name in NAMES[split]]
    expected = [(sha256 or {}).get(name) for name in NAMES[split]]
    images = read(files[0], 3, expected[0])
    labels = read(files[1], 1, expected[1]).astype(np.int64)
    if len(images) != len(labels):
        raise InputError(
            f"{files[1]}: expected {len(images)} labels, one for each picture of {files[0].name}, "
            f"got {len(labels)}; use files that belong together"
        )
    chosen = prefix(labels, limit, str(files[0]))
    return images[chosen, :, :, None], labels[chosen]


def load(settings: recipe.Data) -> tuple[Dataset, Dataset]:
    """Any IDX folder; classes are named "0" to the largest training label.

    Raises:
        InputError: no root, a bad file, or test labels that do not occur in training.
    """
    if settings.root is None:
        raise InputError("data.root: expected a folder with IDX files for data 'idx', got none")
    train = read_split(settings.root, "train", settings.train)
    test = read_split(settings.root, "test", settings.test)
    unknown = sorted(set(test[1].tolist()) - set(train[1].tolist()))
    if unknown:
        raise InputError(
            f"{settings.root}: expected test labels that occur in training, got {unknown[0]}; "
            "use splits of one data set"
        )
    classes = tuple(map(str, range(int(train[1].max()) + 1)))
    return pair("idx", train, test, classes)


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path))
    return lzma.open(path) if path.suffix == ".xz" else path.open("rb")


def _exactly(stream: IO[bytes], count: int) -> bytes:
    """Up to ``count`` bytes; fewer only where the stream ends."""
    content = bytearray()
    while len(content) < count:
        block = stream.read(min(_BLOCK, count - len(content)))
        if not block:
            break
        content += block
    return bytes(content)


def _shape(path: Path, header: bytes, dimensions: int) -> tuple[int, ...]:
    expected = bytes((0, 0, 8, dimensions))
    if len(header) < 4 + 4 * dimensions or header[:4] != expected:
        raise InputError(
            f"{path}: expected an IDX file of unsigned bytes with {dimensions} dimension(s) (first "
            f"bytes {expected.hex()}), got {header[:4].hex() or 'nothing'}; check which file it is"
        )
    shape = tuple(np.frombuffer(header, ">u4", offset=4).tolist())
    if not 0 < math.prod(shape) <= MAX_BYTES:
        raise InputError(
            f"{path}: expected 1 to {MAX_BYTES} bytes of data, its header claims {list(shape)}; "
            "the file is damaged or not meant for this reader"
        )
    return shape


def _check_digest(path: Path, content: bytes, expected: str | None) -> None:
    if expected is None:
        return
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise InputError(
            f"{path}: expected decompressed content with SHA-256 {expected}, got {found}; "
            "fetch the file again, or use data.name 'idx' for another data set"
        )
