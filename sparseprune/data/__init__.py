"""Data sets, the nineteen corruptions, and the shifts a network is evaluated on.

``load`` gives a training and a test ``Dataset``; ``shifts.shifts`` turns the test split into the
clean, corrupted and noisy batches of an evaluation.
"""

from sparseprune.data import corruptions, shifts
from sparseprune.data.dataset import Dataset, normalise
from sparseprune.data.loading import LOADERS, load

__all__ = ["LOADERS", "Dataset", "corruptions", "load", "normalise", "shifts"]
