import hypothesis.strategies as st
import pytest
from hypothesis import given

from sparseprune.evaluate import potential
from sparseprune.report.facts import Facts


def network(id, role="pruned", **fields):
    return {"kind": "network", "id": id, "role": role, "method": "WT", "ratio": 0.5, **fields}


def evaluation(id, correct, total=2000, runner="accelerated", distribution="clean"):
    return {
        "kind": "evaluation",
        "id": id,
        "runner": runner,
        "distribution": distribution,
        "correct": correct,
        "total": total,
    }


@given(
    total=st.integers(1, 3000),
    parent=st.integers(0, 3000),
    mine=st.integers(0, 3000),
    delta=st.sampled_from([0.0, 0.005, 0.01, 0.07, 0.3]),
)
def test_holds_is_the_rule_of_evaluate(total, parent, mine, delta):
    parent, mine = min(parent, total), min(mine, total)
    rows = [
        {"kind": "run", "recipe": {"evaluate": {"delta": delta}}},
        network("p", "parent"),
        network("a"),
        evaluation("p", parent, total),
        evaluation("a", mine, total),
    ]
    facts = Facts(rows)
    assert facts.holds(facts.by_id["a"], "clean") is potential.holds(mine, parent, total, delta)


def test_margin_is_not_strict_at_the_last_picture():
    rows = [network("p", "parent"), network("a"), network("b")]
    rows += [evaluation("p", 1780), evaluation("a", 1770), evaluation("b", 1769)]
    facts = Facts(rows)
    assert facts.holds(facts.by_id["a"], "clean") is True
    assert facts.holds(facts.by_id["b"], "clean") is False


def test_different_totals_cannot_be_compared():
    facts = Facts(
        [network("p", "parent"), network("a"), evaluation("p", 9), evaluation("a", 9, 10)]
    )
    assert facts.holds(facts.by_id["a"], "clean") is None


def test_the_deployed_network_counts_where_both_were_asked():
    rows = [network("a"), evaluation("a", 2), evaluation("a", 1, runner="twin")]
    for ordered in (rows, rows[::-1]):
        facts = Facts(ordered)
        assert facts.accuracy(facts.by_id["a"], "clean") == pytest.approx(0.001)


def test_mean_needs_every_distribution():
    rows = [network("a"), evaluation("a", 1000), evaluation("a", 500, distribution="fog")]
    facts = Facts(rows)
    assert facts.mean(facts.by_id["a"], ["clean", "fog"]) == pytest.approx(0.375)
    assert facts.mean(facts.by_id["a"], ["clean", "snow"]) is None
    assert facts.mean(facts.by_id["a"], []) is None


def test_distributions_read_from_clean_to_noise():
    rows = [evaluation("a", 1, distribution=d) for d in ("noise", "fog", "clean", "snow")]
    facts = Facts(rows)
    assert facts.distributions == ["clean", "fog", "snow", "noise"]
    assert facts.corruptions == ["fog", "snow"]


@pytest.mark.parametrize(
    ("speedup", "low", "high", "pace"),
    [
        (1.5, 1.4, 1.6, "faster"),
        (1.02, 0.98, 1.05, "same"),
        (0.97, 0.9, 1.01, "same"),
        (0.8, 0.7, 0.9, "slower"),
        (0.8, None, None, "slower"),
        (None, None, None, None),
    ],
)
def test_pace_respects_the_interval(speedup, low, high, pace):
    times = {"speedup": speedup, "speedup_low": low, "speedup_high": high}
    rows = [network("a"), {"kind": "latency", "id": "a", "median_us": 10.0, **times}]
    facts = Facts(rows)
    assert facts.pace(facts.by_id["a"]) == pace


def test_latencies_come_from_one_setting():
    rows = [
        {"kind": "latency", "id": id, "median_us": time, "threads": threads, "batch": 1}
        for id, time, threads in [("a", 1.0, 1), ("b", 2.0, 1), ("a", 9.0, 2)]
    ]
    assert {id: row["median_us"] for id, row in Facts(rows).latencies.items()} == {"a": 1, "b": 2}


def test_networks_stand_in_reading_order():
    rows = [
        network("w9", ratio=0.9),
        network("f3", method="FT", ratio=0.3),
        network("w6", ratio=0.6),
        network("s", "separate"),
        network("p", "parent"),
        network("?", ratio=None, target_ratio=None),
    ]
    facts = Facts(rows)
    assert [n.id for n in facts.networks] == ["p", "s", "w6", "w9", "?", "f3"]
    assert [n.id for n in facts.of_method("WT")] == ["w6", "w9"]
    assert facts.methods == ["WT", "FT"]


def test_methods_stand_in_the_order_of_the_recipe():
    """Record files are read by name, so FT's rows come first whatever the recipe says."""
    recipe = {"prune": [{"method": "WT"}, {"method": "FT"}, "odd"]}
    rows = [{"kind": "run", "recipe": recipe}, network("f", method="FT"), network("w")]
    assert Facts(rows).methods == ["WT", "FT"]
    assert Facts(rows[1:]).methods == ["FT", "WT"]
