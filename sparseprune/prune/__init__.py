"""Pruning: which weights or filters go, how many, and the masks that hold them at zero."""

from sparseprune.prune.accounting import UNITS, Counts, count, ratio, ratios
from sparseprune.prune.pruner import Pruner, Round
from sparseprune.prune.schedules import Geometric, Iterative, OneShot, Schedule
from sparseprune.prune.step import METHODS, advance, check, counts, cycle
from sparseprune.prune.task import Method, Task

__all__ = [
    "METHODS",
    "UNITS",
    "Counts",
    "Geometric",
    "Iterative",
    "Method",
    "OneShot",
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
]
