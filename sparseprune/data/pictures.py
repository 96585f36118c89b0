"""What every set of pictures can do, held in memory or not.

A numpy array and a memory-mapped file are such a set as they are. ``FilePictures`` decodes what it
is asked for and keeps nothing, so a set may be far larger than memory.
"""

import hashlib
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sparseprune.data.decoding import Cut, decode
from sparseprune.errors import InputError

Images = NDArray[np.uint8]
Places = slice | Sequence[int] | NDArray[np.integer]

# What one request may decode; more is asked for in pieces.
MAX_BYTES = 4 << 30

# Bytes in a piece: 125 pictures of 224 x 224, whose float32 copy (75 MB) is a small guest anywhere.
_PIECE = 18 << 20


class Pictures(Protocol):
    """uint8 pictures [N, H, W, C]; indexing with a slice or places gives an array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, H, W, C]."""

    @property
    def ndim(self) -> int:
        """Four."""

    @property
    def dtype(self) -> Any:
        """uint8."""

    def __len__(self) -> int:
        """N."""

    def __getitem__(self, places: Any, /) -> Any:
        """Pictures at ``places`` (a slice or numbers), uint8 [n, H, W, C]."""


class FilePictures:
    """Picture files, decoded whenever they are asked for.

    Attributes:
        files: one per picture.
        cut: how a decoded picture becomes one of ``size`` (height, width).
    """

    ndim = 4
    dtype = np.dtype(np.uint8)

    def __init__(
        self, files: Sequence[Path], cut: Cut, size: tuple[int, int], channels: int = 3
    ) -> None:
        """Nothing is opened yet. ``channels`` is 3 (RGB) or 1 (grey, or indices, as in masks)."""
        self.files = files
        self.cut = cut
        self.size = size
        self.shape = (len(files), *size, channels)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, places: Places) -> Images:
        """Decoded pictures.

        Raises:
            InputError: as ``cut_each``.
        """
        return self.cut_each(places, itertools.repeat(self.cut))

    def cut_each(self, places: Places, cuts: Iterable[Cut]) -> Images:
        """Decoded pictures at ``places``, each cut in its own way.

        Raises:
            InputError: names the first picture that cannot be used, or too many were asked for.
        """
        chosen = np.arange(len(self.files))[places]
        wanted = (len(chosen), *self.shape[1:])
        if math.prod(wanted) > MAX_BYTES:
            raise InputError(
                f"{self.files[0]}: expected at most {MAX_BYTES} bytes of pictures at once, got "
                f"{len(chosen)} pictures; set data.train or data.test, or take them in pieces"
            )
        result = np.empty(wanted, np.uint8)
        for row, (place, cut) in enumerate(zip(chosen, cuts, strict=False)):
            result[row] = decode(self.files[place], cut, self.shape[1:])
        return result

    def subset(self, places: NDArray[np.integer]) -> "FilePictures":
        """The pictures at ``places``, still on disk."""
        files = [self.files[place] for place in places]
        return FilePictures(files, self.cut, self.size, self.shape[3])

    def digest(self, labels: NDArray[np.integer]) -> str:
        """Hex SHA-256 over labels, shape, and the name and size of every file.

        Not over pixels: reading all of ImageNet to name it would take half an hour.
        """
        value = hashlib.sha256(f"{self.shape} {self.cut!r}".encode())
        value.update(np.ascontiguousarray(labels, "<i8").data)
        for file in self.files:
            value.update(f"{file.parent.name}/{file.name} {file.stat().st_size}\n".encode())
        return value.hexdigest()


def subset(pictures: Pictures, places: NDArray[np.integer]) -> Pictures:
    """The pictures at ``places``; those in files stay there."""
    if isinstance(pictures, FilePictures):
        return pictures.subset(places)
    chosen: Images = pictures[places]
    return chosen


def pieces(pictures: Pictures) -> Iterator[tuple[int, Images]]:
    """All pictures in order: (index of the first, uint8 [n, H, W, C]), bounded in memory.

    What is in memory already comes in one piece.
    """
    if in_memory(pictures):
        yield 0, pictures[:]
        return
    step = max(1, _PIECE // math.prod(pictures.shape[1:]))
    for start in range(0, len(pictures), step):
        yield start, pictures[start : start + step]


def in_memory(pictures: Pictures) -> bool:
    """Whether all pictures are held already, so that asking for all of them costs nothing."""
    return isinstance(pictures, np.ndarray) and not isinstance(pictures, np.memmap)
