"""Training and retraining: the loop, its schedules, its pictures, and how it starts again.

``fit`` trains a network in place. ``pictures`` makes what it trains on of a data set, corrupted
where the settings say so. ``Resume`` lets a stopped run go on exactly where it was, ``restart``
holds the ways to retrain a pruned network, and ``workers`` shares the work under ``torchrun``.
"""

from sparseprune.train import restart, workers
from sparseprune.train.accuracy import accuracy
from sparseprune.train.loop import Progress, fit
from sparseprune.train.pictures import Pictures
from sparseprune.train.robust import corruptions_of, pictures
from sparseprune.train.schedules import learning_rate
from sparseprune.train.state import Resume

__all__ = [
    "Pictures",
    "Progress",
    "Resume",
    "accuracy",
    "corruptions_of",
    "fit",
    "learning_rate",
    "pictures",
    "restart",
    "workers",
]
