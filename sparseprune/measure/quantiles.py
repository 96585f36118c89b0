"""Medians and what is known about them from few samples."""

import math
from collections.abc import Sequence

import numpy as np


def quantile(samples: Sequence[float], fraction: float) -> float:
    """Linear interpolation between the neighbouring order statistics."""
    return float(np.quantile(samples, fraction))


def median_interval(samples: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Interval for the median that assumes nothing about the distribution of the samples.

    The r-th smallest and r-th largest of n samples enclose the median unless fewer than r fall
    on one side, so with probability 1 - 2 P(Binomial(n, 1/2) < r). r is the largest rank that
    keeps ``level``; below six samples at 95 % none does and the range is returned.
    """
    ordered = sorted(samples)
    count = len(ordered)
    tail, rank = 0.0, 0
    while rank < count // 2:
        tail += math.comb(count, rank) / 2**count
        if 2 * tail > 1 - level:
            break
        rank += 1
    rank = max(rank, 1)
    return ordered[rank - 1], ordered[count - rank]
