"""The ratios on the way to a target: one per round of pruning and retraining."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from sparseprune.errors import InputError


class Schedule(Protocol):
    """Rising ratios of the dense network, the last of them the target."""

    def ratios(self, target: float) -> list[float]:
        """The ratio to reach in each round, in (0, target]."""


@dataclass(frozen=True)
class OneShot:
    """The target at once."""

    def ratios(self, target: float) -> list[float]:
        """One ratio: the target."""
        return [target]


@dataclass(frozen=True)
class Iterative:
    """The ratios given, each reached from the one before; the last must be the target."""

    steps: Sequence[float]

    def ratios(self, target: float) -> list[float]:
        """The ratios given.

        Raises:
            InputError: they do not rise within (0, 1), or do not end at the target.
        """
        steps = list(self.steps)
        rising = all(0 < a < b < 1 for a, b in pairwise(steps))
        if not rising or not steps or steps[-1] != target:
            raise InputError(
                f"schedule: expected ratios that rise from above 0 to the target {target}, "
                f"got {steps}"
            )
        return steps


@dataclass(frozen=True)
class Geometric:
    """Every round removes the same fraction of what is left, as the study's grids do (3.3)."""

    rounds: int

    def ratios(self, target: float, start: float = 0.0) -> list[float]:
        """Round k of n, from a network pruned to ``start``, keeps (1 - target)^(k / n).

        That is (1 - start) * ((1 - target) / (1 - start))^(k / n) where something is gone already.

        Raises:
            InputError: fewer than one round.
        """
        _check(self.rounds)
        left = (1 - target) / (1 - start)
        kept = [(1 - start) * left ** (k / self.rounds) for k in range(1, self.rounds)]
        return [*(1 - part for part in kept), target]


@dataclass(frozen=True)
class Cubic:
    """Much at first, little at last: the gradual schedule of Zhu and Gupta (2017)."""

    rounds: int

    def ratios(self, target: float, start: float = 0.0) -> list[float]:
        """Round k of n prunes to target + (start - target) * (1 - k / n)^3.

        Raises:
            InputError: fewer than one round.
        """
        _check(self.rounds)
        behind = [(1 - k / self.rounds) ** 3 for k in range(1, self.rounds)]
        return [*(target + (start - target) * part for part in behind), target]


def _check(rounds: int) -> None:
    if rounds < 1:
        raise InputError(f"schedule: expected at least 1 round, got {rounds}")
