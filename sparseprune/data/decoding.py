"""One picture file to an array: what may be opened, and how it is cut."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sparseprune.errors import InputError

# ImageNet's largest picture has 61 million pixels; a few more decode in half a gigabyte.
MAX_PIXELS = 100_000_000

# Pillow's modes of 8 bits per channel; converting 16-bit ones would silently clip them.
GREY = frozenset({"1", "L", "LA"})
COLOUR = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})


class Cut(Protocol):
    """How a decoded picture becomes one of the set's size."""

    @property
    def indices(self) -> bool:
        """Whether pixels are class numbers, to be read as stored and never blended."""

    @property
    def wants(self) -> str:
        """What a picture must be like, for messages."""

    def __call__(self, picture: Image.Image) -> Image.Image:
        """The picture, cut."""

    def fits(self, size: tuple[int, int]) -> bool:
        """Whether a picture of (width, height) can be cut so."""


@dataclass(frozen=True)
class Whole:
    """Pictures that all have the set's size (width, height) already."""

    size: tuple[int, int]
    indices: bool = False

    @property
    def wants(self) -> str:
        """The one size."""
        return f"{self.size[0]} x {self.size[1]} pixels like the first picture"

    def __call__(self, picture: Image.Image) -> Image.Image:
        """As it is."""
        return picture

    def fits(self, size: tuple[int, int]) -> bool:
        """Whether it has the size."""
        return size == self.size


@dataclass(frozen=True)
class Geometry:
    """Cut ``border`` pixels off each side, resize the shorter side, crop the centre.

    As torchvision's Resize and CenterCrop on Pillow pictures, bit for bit: the longer side is
    truncated to whole pixels, the crop's corner rounded half to even.

    Attributes:
        crop: side of the square that is left.
        resize: length of the shorter side before the crop; None leaves the picture as it is.
        border: pixels of frame around the picture that do not belong to it.
        indices: pixels are class numbers, to be read as stored and never blended.
    """

    crop: int
    resize: int | None = None
    border: int = 0
    indices: bool = False

    @property
    def wants(self) -> str:
        """Enough pixels."""
        return f"a picture of which {self.crop} x {self.crop} pixels can be cut"

    def __call__(self, picture: Image.Image) -> Image.Image:
        """The picture at crop x crop pixels."""
        width, height = picture.size
        if self.border:
            edges = (self.border, self.border, width - self.border, height - self.border)
            picture = picture.crop(edges)
            width, height = picture.size
        if self.resize is not None:
            short = min(width, height)
            width, height = (
                self.resize if side == short else int(self.resize * side / short)
                for side in (width, height)
            )
            filter = Image.Resampling.NEAREST if self.indices else Image.Resampling.BILINEAR
            picture = picture.resize((width, height), filter)
        left, top = round((width - self.crop) / 2), round((height - self.crop) / 2)
        return picture.crop((left, top, left + self.crop, top + self.crop))

    def fits(self, size: tuple[int, int]) -> bool:
        """Whether a picture of (width, height) is large enough, and no strip that would grow."""
        short, long = (side - 2 * self.border for side in sorted(size))
        if self.resize is None:
            return short >= self.crop
        return short > 0 and self.resize * self.resize * long <= MAX_PIXELS * short


def decode(path: Path, cut: Cut, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The picture as uint8 [H, W, C] of ``shape``: RGB or grey, or with ``cut.indices`` as stored.

    Raises:
        InputError: not a picture of 8 bits per channel, too large or too small.
    """
    with opened(path) as picture:
        if not cut.fits(picture.size):
            raise InputError(
                f"{path}: expected {cut.wants}, got {picture.size[0]} x {picture.size[1]}; "
                "check which set it belongs to"
            )
        known, kind = _modes(cut.indices, shape[-1])
        if picture.mode not in known:
            raise InputError(
                f"{path}: expected {kind} picture, got mode {picture.mode}; convert it"
            )
        whole = picture if cut.indices else picture.convert("L" if shape[-1] == 1 else "RGB")
        return np.asarray(cut(whole)).reshape(shape)


def _modes(indices: bool, channels: int) -> tuple[frozenset[str], str]:
    """Pillow's modes that can be read so, and what they are called."""
    if indices:
        return frozenset({"P", "L"}), "a palette or grey"
    if channels == 1:
        return GREY, "an 8-bit grey"
    return GREY | COLOUR, "an 8-bit grey or colour"


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The picture; what Pillow raises on damaged files becomes an InputError naming the file."""
    try:
        with Image.open(path) as picture:
            if picture.size[0] * picture.size[1] > MAX_PIXELS:
                raise InputError(
                    f"{path}: expected at most {MAX_PIXELS} pixels, got {picture.size[0]} x "
                    f"{picture.size[1]}; make the picture smaller"
                )
            yield picture
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{path}: expected a readable picture, got {error}; replace or remove it"
        ) from error
