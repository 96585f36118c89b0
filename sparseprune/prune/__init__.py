"""Pruning: which weights or filters go, how many, and the masks that hold them at zero."""

from sparseprune.prune.accounting import UNITS, Counts, count, ratio, ratios
from sparseprune.prune.observe import DELTA
from sparseprune.prune.pruned import Pruned
from sparseprune.prune.pruner import Pruner, Round
from sparseprune.prune.registry import METHODS, Method
from sparseprune.prune.schedules import Cubic, Geometric, Iterative, OneShot, Schedule
from sparseprune.prune.step import (
    HeldOut,
    NothingToRemove,
    advance,
    check,
    counts,
    cycle,
    sensitivity_size,
)
from sparseprune.prune.task import Task

__all__ = [
    "DELTA",
    "METHODS",
    "UNITS",
    "Counts",
    "Cubic",
    "Geometric",
    "HeldOut",
    "Iterative",
    "Method",
    "NothingToRemove",
    "OneShot",
    "Pruned",
    "Pruner",
    "Round",
    "Schedule",
    "Task",
    "advance",
    "check",
    "count",
    "counts",
    "cycle",
    "ratio",
    "ratios",
    "sensitivity_size",
]
