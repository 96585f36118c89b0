import pytest

from sparseprune.errors import InputError
from sparseprune.evaluate import excess_error
from sparseprune.evaluate.excess_error import excess


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
    with pytest.raises(InputError, match="at least one corruption, got: clean, noise"):
        excess([evaluation("x", "clean", 1), evaluation("x", "noise", 1)])
    with pytest.raises(InputError, match="role 'parent', got 0"):
        excess_error.rows(ROWS[1:])
