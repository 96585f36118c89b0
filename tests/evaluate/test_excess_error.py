import pytest

from sparseprune.errors import InputError
from sparseprune.evaluate import excess_error
from sparseprune.evaluate.excess_error import excess, slope, slopes


def evaluation(id, distribution, correct, runner="accelerated"):
    return {
        "kind": "evaluation",
        "id": id,
        "runner": runner,
        "distribution": distribution,
        "correct": correct,
        "total": 100,
    }


ROWS = [
    {"kind": "network", "id": "parent", "role": "parent", "method": None, "ratio": 0.0},
    {"kind": "network", "id": "WT", "role": "pruned", "method": "WT", "ratio": 0.8},
    evaluation("parent", "clean", 90),
    evaluation("parent", "fog", 70),
    evaluation("parent", "snow", 80),
    evaluation("parent", "noise", 0),
    evaluation("WT", "clean", 89),
    evaluation("WT", "fog", 60),
    evaluation("WT", "snow", 78),
    evaluation("WT", "noise", 0),
]


def test_difference_in_excess_error():
    # parent: 0.25 - 0.10 = 0.15; pruned: 0.31 - 0.11 = 0.20.
    (row,) = excess_error.rows(ROWS)
    assert row["value"] == pytest.approx(0.05)
    assert (row["id"], row["method"], row["ratio"]) == ("WT", "WT", 0.8)
    assert (row["kind"], row["runner"]) == ("excess_error", "accelerated")


def test_pruned_equal_to_dense_is_zero():
    twins = [{**r, "id": "WT"} for r in ROWS if r["id"] == "parent" and r["kind"] == "evaluation"]
    kept = [r for r in ROWS if r["kind"] == "network" or r["id"] == "parent"]
    (row,) = excess_error.rows([*kept, *twins])
    assert row["value"] == 0.0


def test_a_run_without_corruptions_has_none():
    assert (
        excess_error.rows([r for r in ROWS if r.get("distribution") not in ("fog", "snow")]) == []
    )


def test_what_is_missing_is_named():
    with pytest.raises(InputError, match="that was not trained on, got: clean, noise"):
        excess([evaluation("x", "clean", 1), evaluation("x", "noise", 1)])
    with pytest.raises(InputError, match="role 'parent', got 0"):
        excess_error.rows(ROWS[1:])


def test_new_pictures_are_shifts_as_corruptions_are():
    new = [evaluation("parent", "cifar10.1-v6", 60), evaluation("WT", "cifar10.1-v6", 57)]
    # parent: (0.3 + 0.2 + 0.4) / 3 - 0.1; pruned: (0.4 + 0.22 + 0.43) / 3 - 0.11.
    (row,) = excess_error.rows([*ROWS, *new])
    assert row["value"] == pytest.approx(0.05 - 0.01)


def test_after_robust_training_what_it_showed_is_no_shift():
    # D is clean and fog, D' snow: parent 0.2 - (0.1 + 0.3) / 2, pruned 0.22 - (0.11 + 0.4) / 2.
    (row,) = excess_error.rows(ROWS, {"fog"})
    assert row["value"] == pytest.approx((0.22 - 0.255) - (0.2 - 0.2))


def test_the_line_goes_through_the_origin():
    assert slope([(0.5, 0.02), (1.0, 0.04)]) == pytest.approx(0.04)
    # With an intercept the slope would be 0: the points are level.
    assert slope([(0.5, 0.02), (1.0, 0.02)]) == pytest.approx((0.01 + 0.02) / 1.25)
    with pytest.raises(InputError, match="got 1 points, none of a ratio above 0"):
        slope([(0.0, 0.5)])


def test_every_network_of_every_seed_is_a_point():
    """Means over seeds first would weigh ratios otherwise: achieved ratios differ by seed."""
    found = [
        {**excess_error.rows(ROWS)[0], "ratio": ratio, "value": value}
        for ratio, value in [(0.4, 0.02), (0.6, 0.0), (0.8, 0.04)]
    ]
    (row,) = slopes(found)
    assert (row["kind"], row["method"], row["networks"]) == ("excess_slope", "WT", 3)
    assert row["value"] == pytest.approx((0.4 * 0.02 + 0.8 * 0.04) / (0.16 + 0.36 + 0.64))
    assert row["value"] != pytest.approx(slope([(0.5, 0.01), (0.8, 0.04)]))
