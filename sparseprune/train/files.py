"""Pictures and masks that are decoded for each batch: no more of a set than that is in memory."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import torch

from sparseprune.data import Dataset, Masks, normalise
from sparseprune.data.decoding import Cut
from sparseprune.data.pictures import FilePictures, Images
from sparseprune.data.random_cuts import cuttable, random_cut
from sparseprune.errors import InputError
from sparseprune.recipe import Train
from sparseprune.train.pictures import Pictures, Targets

# Pillow decodes without the GIL, but more threads than this wait for its small Python parts.
_THREADS = 8


class Decoded(Pictures):
    """Pictures of a set that is not held in memory, cut anew in every epoch if asked for.

    A cut depends on (seed, epoch, number of the picture), so masks are cut alike.
    """

    def __init__(self, dataset: Dataset, settings: Train, seed: int, black: tuple[float, ...]):
        count, height, width, channels = dataset.images.shape
        self.shape = (count, channels, height, width)
        self.black = black
        self._dataset, self._cut, self._seed = dataset, settings.cut, seed

    def batch(self, epoch: int, chosen: torch.Tensor) -> torch.Tensor:
        """The pictures ``chosen`` as ``epoch`` shows them, normalised, float32 [n, C, H, W]."""
        return torch.from_numpy(normalise(self.decoded(epoch, chosen), self._dataset))

    def decoded(self, epoch: int, chosen: torch.Tensor) -> Images:
        """The same as they are read, uint8 [n, H, W, C]."""
        images = self._dataset.images
        if not isinstance(images, FilePictures):
            mapped: Images = images[chosen.numpy()]
            return mapped
        return _decode(images, chosen, _cuts(images, self._cut, self._seed, epoch))


class DecodedMasks(Targets):
    """The masks of ``Decoded``, cut as their pictures are."""

    def __init__(self, masks: Masks, settings: Train, seed: int) -> None:
        self.shape = masks.shape
        self._masks, self._cut, self._seed = masks, settings.cut, seed

    def batch(self, epoch: int, chosen: torch.Tensor) -> torch.Tensor:
        """The masks of the pictures ``chosen`` as ``epoch`` shows them, int64 [n, H, W]."""
        files = self._masks.files
        found = _decode(files, chosen, _cuts(files, self._cut, self._seed, epoch))
        return torch.from_numpy(found[..., 0].astype(np.int64))

    def digest(self) -> str:
        """Of names and sizes of the files."""
        return self._masks.digest()


def check(dataset: Dataset, settings: Train) -> None:
    """Raise unless the pictures can be cut as ``settings`` say.

    Raises:
        InputError: random cuts of pictures that are not cut as they are read.
    """
    images = dataset.images
    if settings.cut == "centre" or (isinstance(images, FilePictures) and cuttable(images.cut)):
        return
    raise InputError(
        f"cut: expected centre for pictures that are not cut as they are read ({dataset.name}), "
        f"got {settings.cut}; set it to centre, or give a folder of pictures a data.size"
    )


def _cuts(files: FilePictures, kind: str, seed: int, epoch: int) -> Callable[[int], Cut]:
    side = files.size[0]
    return lambda place: random_cut(kind, files.cut, side, (seed, epoch, place))


def _decode(files: FilePictures, chosen: torch.Tensor, cut: Callable[[int], Cut]) -> Images:
    """The pictures ``chosen``, decoded on several threads."""
    places = chosen.tolist()

    def one(place: int) -> Images:
        return files.cut_each([place], [cut(place)])

    found: Iterable[Images] = _pool(os.getpid()).map(one, places)
    return np.concatenate(list(found))


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """Threads of this process; a forked one has none of its parent's."""
    return ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1), "decode")
