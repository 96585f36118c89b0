"""What a network does beyond test accuracy, asked of the Runner that will be deployed."""

from sparseprune.evaluate import (
    excess_error,
    hidden_loss,
    metrics,
    noise,
    overall,
    potential,
    ranking,
    segmentation,
    several,
)
from sparseprune.evaluate.stream import Pair, run
from sparseprune.evaluate.verdicts import verdict

__all__ = [
    "Pair",
    "excess_error",
    "hidden_loss",
    "metrics",
    "noise",
    "overall",
    "potential",
    "ranking",
    "run",
    "segmentation",
    "several",
    "verdict",
]
