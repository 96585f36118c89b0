"""One picture file to an array: what may be opened, and the crops of the published sets."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sparseprune.errors import InputError

# ImageNet's largest picture has 61 million pixels; a few more decode in half a gigabyte.
MAX_PIXELS = 100_000_000

# Pillow's modes of 8 bits per channel; converting 16-bit ones would silently clip them.
GREY = frozenset({"1", "L", "LA"})
COLOUR = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})


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


def decode(path: Path, geometry: Geometry, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The picture as uint8 [H, W, C] of ``shape``: RGB, or with ``geometry.indices`` as stored.

    Raises:
        InputError: not a picture of 8 bits per channel, too large or too small.
    """
    with opened(path) as picture:
        if not geometry.fits(picture.size):
            raise InputError(
                f"{path}: expected a picture of which {geometry.crop} x {geometry.crop} pixels can "
                f"be cut, got {picture.size[0]} x {picture.size[1]}; check which set it belongs to"
            )
        known = frozenset({"P", "L"}) if geometry.indices else GREY | COLOUR
        if picture.mode not in known:
            kind = "a palette or grey" if geometry.indices else "an 8-bit grey or colour"
            raise InputError(
                f"{path}: expected {kind} picture, got mode {picture.mode}; convert it"
            )
        whole = picture if geometry.indices else picture.convert("RGB")
        return np.asarray(geometry(whole)).reshape(shape)


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
