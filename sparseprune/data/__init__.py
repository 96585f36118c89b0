"""Data sets, the nineteen corruptions, and the shifts a network is evaluated on.

``load`` gives a training and a test ``Dataset``, ``splits`` also what is held out of training;
``shifts.shifts`` turns the test split into the clean, corrupted and noisy batches of an evaluation
and adds published sets. ``corrupted.variant`` corrupts any set, ``voc`` reads Pascal VOC. Sets
too large for memory are decoded as they are used; ``pieces`` goes through any set piece by piece.
"""

from sparseprune.data import corrupted, corruptions, shifts, voc
from sparseprune.data.dataset import Dataset, normalise
from sparseprune.data.loading import LOADERS, Splits, load, splits
from sparseprune.data.masks import Masks
from sparseprune.data.pictures import Pictures, pieces, subset

__all__ = [
    "LOADERS",
    "Dataset",
    "Masks",
    "Pictures",
    "Splits",
    "corrupted",
    "corruptions",
    "load",
    "normalise",
    "pieces",
    "shifts",
    "splits",
    "subset",
    "voc",
]
