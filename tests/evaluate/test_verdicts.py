import numpy as np
import pytest

from sparseprune.errors import InputError
from sparseprune.evaluate.hidden_loss import interval
from sparseprune.evaluate.verdicts import verdict


def row(distribution, *, gained=0, lost=0, flipped=None, unexplained=0, total=2000, id="net"):
    low, high = interval(gained, lost, total)
    return {
        "kind": "hidden_loss",
        "id": id,
        "distribution": distribution,
        "total": total,
        "flipped": gained + lost if flipped is None else flipped,
        "unexplained": unexplained,
        "gained": gained,
        "lost": lost,
        "difference": (gained - lost) / total,
        "low": low,
        "high": high,
        "max_abs": 1e-6,
    }


def quiet(count):
    return [row(f"quiet{i}") for i in range(count)]


def test_nothing_flipped():
    found = verdict(quiet(21))
    assert found["passed"] is True
    assert found["sentence"] == "no further loss found: 0 of 42 000 predictions changed"
    assert (found["kind"], found["id"], found["total"]) == ("verdict", "net", 42_000)
    assert (found["low"], found["high"]) == pytest.approx(interval(0, 0, 2000), rel=1e-12)


def test_near_ties_pass_and_say_so():
    found = verdict([*quiet(20), row("fog", gained=1, lost=1, flipped=3)])
    assert found["passed"] is True
    assert found["sentence"] == (
        "no further loss found: 3 of 42 000 predictions changed, all near ties; "
        "difference +0.00 pp (95 % interval -0.14 to +0.14)"
    )


def test_loss_on_one_distribution_fails_and_names_the_worst():
    found = verdict([*quiet(19), row("snow", lost=30), row("fog", gained=4, lost=46)])
    assert found["passed"] is False
    assert found["sentence"].startswith(
        "FURTHER LOSS: 80 of 42 000 predictions changed; accuracy on fog 2.10 pp lower (99.76 % int"
    )


def test_bonferroni_forgives_what_one_of_many_shows_by_chance():
    lone = row("fog", gained=3, lost=13, total=2000)
    assert lone["high"] < 0
    assert verdict([lone])["passed"] is False
    assert verdict([lone, *quiet(20)])["passed"] is True


def test_a_little_loss_everywhere_adds_up():
    found = verdict([row(f"shift{i}", gained=3, lost=13) for i in range(21)])
    assert found["passed"] is False
    assert "accuracy over all distributions 0.50 pp lower (95 % interval" in found["sentence"]


def test_an_unexplained_flip_fails_even_without_loss():
    found = verdict([*quiet(3), row("fog", gained=1, lost=1, unexplained=2)])
    assert found["passed"] is False
    assert found["sentence"].startswith(
        "NOT THE SAME NETWORK: 2 of 8 000 predictions changed, 2 of them no near ties; difference"
    )


def test_a_gain_of_near_ties_is_no_loss():
    assert verdict([row("fog", gained=40), *quiet(4)])["passed"] is True


def test_pooled_interval_is_valid_for_fully_dependent_distributions():
    """Showing the same distribution many times must not make the claim any sharper."""
    lone = row("fog", gained=5, lost=5)
    many = verdict([lone] * 21)
    assert (many["low"], many["high"]) == pytest.approx((lone["low"], lone["high"]))


def test_false_alarms_are_as_rare_as_promised():
    random = np.random.default_rng(1)
    alarms = sum(
        not verdict([row(str(i), gained=int(g), lost=int(lo)) for i, (g, lo) in enumerate(counts)])[
            "passed"
        ]
        for counts in random.poisson(5.0, (1000, 21, 2))
    )
    # Each of the two rules errs one-sidedly at 2.5 %; 3.1 standard errors of 1 000 rounds above.
    assert alarms / 1000 <= 0.05 + 3.1 * np.sqrt(0.05 * 0.95 / 1000)


def test_rows_of_no_or_several_networks_are_refused():
    with pytest.raises(InputError, match="got rows of: none"):
        verdict([])
    with pytest.raises(InputError, match="got rows of: a, b"):
        verdict([row("fog", id="a"), row("fog", id="b")])
