import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparseprune.errors import InputError
from sparseprune.evaluate.hidden_loss import ROUNDING, compare, interval


def one_hot(answers, classes=4, height=5.0):
    return np.eye(classes, dtype=np.float32)[answers] * np.float32(height)


def test_interval_is_the_published_formula():
    # n12 = 5, n21 = 12, n = 100, computed by hand: p = 6/102, q = 13/102.
    p, q = 6 / 102, 13 / 102
    half = 1.959963984540054 * math.sqrt((p + q - (p - q) ** 2) / 102)
    assert interval(5, 12, 100) == pytest.approx((p - q - half, p - q + half), rel=1e-12)


def test_interval_at_zero_flips_has_width_and_shrinks_with_the_pictures():
    low, high = interval(0, 0, 2000)
    assert low == -high
    assert 0.001 < high < 0.002
    assert interval(0, 0, 42_000)[1] < high / 10


@given(st.integers(0, 50), st.integers(0, 50), st.integers(100, 500), st.floats(0.5, 0.999))
def test_interval_mirrors_and_nests(gained, lost, total, level):
    low, high = interval(gained, lost, total, level)
    assert interval(lost, gained, total, level) == pytest.approx((-high, -low))
    assert -1 <= low <= (gained - lost) / (total + 2) <= high <= 1
    wide = interval(gained, lost, total, (1 + level) / 2)
    assert wide[0] <= low
    assert high <= wide[1]


@pytest.mark.parametrize(("p", "q"), [(0.001, 0.001), (0.01, 0.03), (0.1, 0.1), (0.0, 0.02)])
def test_interval_covers_the_truth_as_often_as_it_says(p, q):
    random, rounds = np.random.default_rng(0), 4000
    counts = random.multinomial(500, [p, q, 1 - p - q], size=rounds)
    bounds = np.array([interval(int(g), int(lo), 500) for g, lo, _ in counts])
    covered = np.mean((bounds[:, 0] <= p - q) & (p - q <= bounds[:, 1]))
    # 3.1 standard errors of a simulated 95 %: a sound interval fails once in a thousand seeds.
    assert covered >= 0.95 - 3.1 * math.sqrt(0.95 * 0.05 / rounds)


@pytest.mark.parametrize("bad", [(-1, 0, 5, 0.9), (3, 3, 5, 0.9), (0, 0, 0, 0.9), (0, 0, 5, 1.0)])
def test_impossible_counts_are_refused(bad):
    with pytest.raises(InputError, match="gained \\+ lost <= total"):
        interval(*bad)


def test_counts_of_flips_gains_and_losses():
    labels = np.array([0, 1, 2, 3, 0])
    twin = one_hot([0, 1, 2, 0, 1])  # right, right, right, wrong, wrong
    accelerated = one_hot([0, 1, 3, 3, 2])  # same, same, lost, gained, wrong otherwise
    row = compare(accelerated, twin, labels)
    assert {k: row[k] for k in ("total", "flipped", "gained", "lost", "difference", "max_abs")} == {
        "total": 5,
        "flipped": 3,
        "gained": 1,
        "lost": 1,
        "difference": 0.0,
        "max_abs": 5.0,
    }
    assert row["unexplained"] == 3
    assert (row["low"], row["high"]) == interval(1, 1, 5)


@given(st.integers(0, 2**32 - 1))
def test_noise_within_the_tolerance_never_flips_unexplained(seed):
    random = np.random.default_rng(seed)
    twin = random.normal(0, 1, (200, 4)).astype(np.float32)
    twin[::2, 1] = twin[::2, 0]  # ties, so that there are flips to explain
    tolerance = ROUNDING * np.abs(twin).max()
    noisy = (twin + random.uniform(-0.99, 0.99, twin.shape) * tolerance).astype(np.float32)
    row = compare(noisy, twin, np.zeros(200, np.int64))
    assert row["unexplained"] == 0


def test_a_flip_across_a_clear_margin_is_unexplained():
    twin = np.array([[5.0, 4.0], [5.0, 4.999]], np.float32)
    accelerated = twin[:, ::-1].copy()
    row = compare(accelerated, twin, np.array([0, 0]))
    assert (row["flipped"], row["unexplained"]) == (2, 1)


def test_bad_logits_are_refused():
    good, labels = np.zeros((2, 3), np.float32), np.zeros(2, np.int64)
    with pytest.raises(InputError, match="of one shape"):
        compare(good, np.zeros((2, 4), np.float32), labels)
    with pytest.raises(InputError, match="expected 2 labels"):
        compare(good, good, np.zeros(3, np.int64))
    with pytest.raises(InputError, match="the accelerated network gave NaN"):
        compare(np.full_like(good, np.nan), good, labels)
