"""Potentials over sets of distributions (paper 1.6), and what counts to which set."""

from statistics import fmean

from sparseprune.data.corruptions import MIX1, MIX2, NAMES
from sparseprune.evaluate import overall, potential
from sparseprune.evaluate.sets import split


def row(distribution, value, method="WT", runner="accelerated"):
    return {
        "kind": "potential",
        "method": method,
        "runner": runner,
        "distribution": distribution,
        "potential": value,
        "censored": False,
    }


def test_nominal_training_knows_clean_pictures_alone():
    sets = split(["clean", "cifar10.1-v6", *NAMES, "noise"])
    assert sets.train == ("clean",)
    assert sets.test == ("cifar10.1-v6", *NAMES)


def test_robust_training_moves_what_it_showed_to_the_train_set():
    """Clean and the nine of Mix1 against CIFAR-10.1 and the ten of Mix2 (paper 1.6)."""
    published = [f"cifar10c-{name}" for name in NAMES]
    sets = split(["clean", "cifar10.1-v6", *published, "noise"], MIX1)
    assert set(sets.train) == {"clean", *(f"cifar10c-{name}" for name in MIX1)}
    assert set(sets.test) == {"cifar10.1-v6", *(f"cifar10c-{name}" for name in MIX2)}
    assert (len(sets.train), len(sets.test)) == (10, 11)


def test_mean_and_least_of_both_sets():
    rows = [row("clean", 0.9), row("fog", 0.5), row("snow", 0.0), row("noise", 0.1)]
    train, test = overall.rows(rows)
    assert (train["set"], train["mean"], train["least"]) == ("train", 0.9, 0.9)
    assert (test["set"], test["mean"], test["least"]) == ("test", 0.25, 0.0)
    assert (test["where_least"], test["distributions"]) == ("snow", ["fog", "snow"])
    robust = {r["set"]: r for r in overall.rows(rows, {"fog"})}
    assert (robust["train"]["mean"], robust["train"]["least"]) == (0.7, 0.5)
    assert robust["test"]["mean"] == 0.0


def test_methods_and_runners_stay_apart_and_an_empty_set_has_no_row():
    rows = [row("clean", 0.9), row("clean", 0.2, "FT"), row("clean", 0.1, "FT", "twin")]
    found = overall.rows(rows)
    assert [(r["method"], r["runner"], r["mean"]) for r in found] == [
        ("WT", "accelerated", 0.9),
        ("FT", "accelerated", 0.2),
        ("FT", "twin", 0.1),
    ]


def test_the_least_is_taken_per_seed_before_any_average():
    """Seeds whose weak spots differ: the mean of the least is below the least of the means."""
    seeds = [
        [row("fog", 0.8), row("snow", 0.0)],
        [row("fog", 0.0), row("snow", 0.6)],
    ]
    least = fmean(overall.rows(rows)[0]["least"] for rows in seeds)
    means = [fmean(rows[place]["potential"] for rows in seeds) for place in (0, 1)]
    assert least == 0.0
    assert least < min(means)


def test_potential_is_taken_per_seed_and_not_from_the_mean_curve():
    """Two seeds that hold at different ratios: their mean curve would hold nowhere."""
    curves = [[(0.5, 900), (0.8, 800)], [(0.5, 800), (0.8, 900)]]
    mean = [(0.5, 850), (0.8, 850)]
    each = [potential.potential(curve, 900, 1000, 0.005)[0] for curve in curves]
    assert fmean(each) == (0.5 + 0.8) / 2
    assert potential.potential(mean, 900, 1000, 0.005)[0] == 0.0
