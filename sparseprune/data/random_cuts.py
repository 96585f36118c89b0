"""Random cuts of pictures for training: the same for a picture and its mask.

What is drawn depends on ``key`` alone, by custom (seed, epoch, number of the picture): a training
that is stopped and resumed, or shared by several workers, cuts every picture as one that is not.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from sparseprune.data.decoding import MAX_PIXELS, Cut, Geometry
from sparseprune.labels import VOID

# Of a random part: share of the picture's area, and width by height.
_AREA = (0.08, 1.0)
_ASPECT = (3 / 4, 4 / 3)
# Draws before the part is the largest central one of a permitted aspect.
_ATTEMPTS = 10


@dataclass(frozen=True)
class RandomArea:
    """8 % to all of the picture's area, 3:4 to 4:3, somewhere, resized to ``side`` x ``side``.

    The training pictures of ImageNet (paper 3.2), distributed as torchvision's RandomResizedCrop.
    """

    side: int
    key: tuple[int, ...]
    indices: bool = False

    @property
    def wants(self) -> str:
        """Anything."""
        return "a picture of at least one pixel"

    def fits(self, size: tuple[int, int]) -> bool:
        """Whether there is a pixel."""
        return min(size) > 0

    def __call__(self, picture: Image.Image) -> Image.Image:
        """A part of it."""
        part = picture.crop(self.box(picture.size))
        return part.resize((self.side, self.side), _filter(self.indices))

    def box(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the part of a picture of (width, height)."""
        generator = np.random.default_rng(self.key)
        whole, found = size, (0, 0)
        for _ in range(_ATTEMPTS):
            area = whole[0] * whole[1] * generator.uniform(*_AREA)
            aspect = math.exp(generator.uniform(math.log(_ASPECT[0]), math.log(_ASPECT[1])))
            found = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < found[0] <= whole[0] and 0 < found[1] <= whole[1]:
                left = int(generator.integers(whole[0] - found[0] + 1))
                top = int(generator.integers(whole[1] - found[1] + 1))
                return left, top, left + found[0], top + found[1]
        low, high = _ASPECT
        width = min(whole[0], max(1, round(whole[1] * high)))
        height = min(whole[1], max(1, round(whole[0] / low)))
        left, top = (whole[0] - width) // 2, (whole[1] - height) // 2
        return left, top, left + width, top + height


@dataclass(frozen=True)
class RandomScale:
    """Resized until the shorter side has half to twice ``side`` pixels, then cut somewhere.

    What is smaller than ``side`` is padded, pictures with black, masks with ``VOID``. The training
    pictures of VOC (paper 3.2: 256 to 1024 pixels, cut to 513).
    """

    side: int
    key: tuple[int, ...]
    indices: bool = False

    @property
    def wants(self) -> str:
        """No strip."""
        return f"a picture that can be resized to {self._longest} pixels on its shorter side"

    @property
    def _longest(self) -> int:
        return 2 * (self.side - 1)

    def fits(self, size: tuple[int, int]) -> bool:
        """Whether it does not grow without bounds."""
        short, long = sorted(size)
        return short > 0 and self._longest**2 * long <= MAX_PIXELS * short

    def __call__(self, picture: Image.Image) -> Image.Image:
        """A part of it."""
        generator = np.random.default_rng(self.key)
        short = int(generator.integers(self.side // 2, self._longest + 1))
        scale = short / min(picture.size)
        width, height = (max(1, round(scale * length)) for length in picture.size)
        found = np.asarray(picture.resize((width, height), _filter(self.indices)))
        missing = [(0, max(0, self.side - length)) for length in (height, width)]
        missing += [(0, 0)] * (found.ndim - 2)
        found = np.pad(found, missing, constant_values=VOID if self.indices else 0)
        top, left = (int(generator.integers(n - self.side + 1)) for n in found.shape[:2])
        return Image.fromarray(found[top : top + self.side, left : left + self.side])


def random_cut(kind: str, like: Cut, side: int, key: tuple[int, ...]) -> Cut:
    """The cut that ``kind`` names, of a picture or, as ``like`` says, a mask; ``centre`` is it."""
    if kind == "area":
        return RandomArea(side, key, like.indices)
    return RandomScale(side, key, like.indices) if kind == "scale" else like


def cuttable(cut: Cut) -> bool:
    """Whether pictures cut so become square, as random cuts make them."""
    return isinstance(cut, Geometry)


def _filter(indices: bool) -> Image.Resampling:
    return Image.Resampling.NEAREST if indices else Image.Resampling.BILINEAR
