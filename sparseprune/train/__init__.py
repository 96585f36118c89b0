"""Training and retraining: the loop, its schedules, its pictures, and how it starts again.

``fit`` trains a network in place. ``pictures`` and ``targets`` make what it trains on of a data
set: decoded for each batch where the set is not held in memory, corrupted where the settings say
so. ``Resume`` lets a stopped run go on exactly where it was, ``restart`` holds the ways to retrain
a pruned network, and ``workers`` shares the work under ``torchrun``.
"""

from sparseprune.train import restart, workers
from sparseprune.train.accuracy import accuracy
from sparseprune.train.descent import check_precision
from sparseprune.train.holding import Pruning
from sparseprune.train.loop import Progress, fit
from sparseprune.train.pictures import Pictures, Targets
from sparseprune.train.robust import check, corruptions_of, pictures, targets
from sparseprune.train.schedules import learning_rate
from sparseprune.train.state import Resume

__all__ = [
    "Pictures",
    "Progress",
    "Pruning",
    "Resume",
    "Targets",
    "accuracy",
    "check",
    "check_precision",
    "corruptions_of",
    "fit",
    "learning_rate",
    "pictures",
    "restart",
    "targets",
    "workers",
]
