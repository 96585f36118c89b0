import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparseprune.measure.quantiles import median_interval, quantile

SAMPLES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60)


@given(SAMPLES)
def test_interval_holds_the_median_and_consists_of_samples(samples):
    low, high = median_interval(samples)
    assert {low, high} <= set(samples)
    assert low <= quantile(samples, 0.5) <= high


def test_ranks_for_thirty_samples_are_the_textbooks():
    # Binomial(30, 1/2): the 10th smallest and largest give 95.7 %, the 11th 90.1 %.
    assert median_interval(list(range(1, 31))) == (10, 21)


@pytest.mark.parametrize("count", [6, 15, 30])
def test_interval_covers_the_median_of_any_distribution(count):
    random, rounds = np.random.default_rng(0), 3000
    draws = random.lognormal(0.0, 2.0, (rounds, count))
    covered = np.mean([low <= 1.0 <= high for low, high in map(median_interval, draws.tolist())])
    assert covered >= 0.95 - 3.1 * math.sqrt(0.95 * 0.05 / rounds)


def test_few_samples_give_their_range():
    assert median_interval([3.0, 1.0, 2.0]) == (1.0, 3.0)
