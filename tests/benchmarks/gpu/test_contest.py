"""Contestants are checked, then timed; who cannot run, or answers wrongly, gets a reason."""

import goals
import pytest
import torch
from gpu.contest import Attempt, Budget, Case, Contest, Entry, Prepared, Work
from peers import MissingError

RIGHT = torch.arange(1.0, 13).view(4, 3)


def attempt(answer=RIGHT, copies=1, **options):
    return Attempt([lambda: answer] * copies, **options)


def entry(peer, *attempts, ours=False, zeros="0"):
    dense = peer in {"base", "cublas", "cublas fused"}
    return Entry(peer, zeros, lambda: Prepared(RIGHT.double(), attempts), ours, dense)


def rows(clock, *entries, seconds=60, now=lambda: 0.0, name="case"):
    contest = Contest(clock, Budget(seconds, now), "a GPU")
    return list(contest.rows(Case(name, lambda: entries)))


def test_ratios_are_to_the_mean_of_both_runs_of_the_base(ticks):
    clock = ticks(100.0, 40.0, 110.0)
    base, ours = rows(
        clock,
        entry("cublas", attempt(copies=5)),
        entry("ours", attempt(copies=3, work=Work(6_000_000, 400)), ours=True),
    )
    assert clock.asked == [5, 3, 5]
    assert (base["median_us"], base["ratio"]) == (100.0, pytest.approx(1.05))
    assert base["noise"] == ours["noise"] == pytest.approx(10 / 105)
    assert ours["ratio"] == pytest.approx(105 / 40)
    assert {"case": "case", "base": "cublas", "gpu": "a GPU", "copies": 3}.items() <= ours.items()
    assert (ours["tflop_per_s"], ours["tb_per_s"]) == pytest.approx((0.15, 1e-5))


def test_the_fastest_attempt_counts_and_one_that_fails_is_told_of(ticks):
    def full():
        raise RuntimeError("out of shared memory")

    tries = [
        attempt(facts={"tiling": 1}),
        Attempt([full], {"tiling": 2}),
        attempt(facts={"tiling": 3}, eager=True),
    ]
    clock = ticks(10.0, 9.0, 7.0, 10.0)
    _, ours = rows(clock, entry("base", attempt()), entry("ours", *tries))
    assert (ours["tiling"], ours["median_us"]) == (3, 7.0)
    assert ours["failed"] == ["2 RuntimeError: out of shared memory"]
    assert clock.asked == [1, 1, "eager", 1]


@pytest.mark.parametrize("wrong", [RIGHT * 1.02, RIGHT[:, :2], RIGHT / 0])
def test_a_wrong_answer_gets_no_time_whatever_else_is_right(ticks, wrong):
    clock = ticks(10.0, 5.0, 10.0)
    _, ours = rows(clock, entry("base", attempt()), entry("ours", attempt(), attempt(wrong)))
    assert (ours["kind"], ours["wrong"]) == ("missing", True)
    assert "median_us" not in ours
    assert ours["reason"].startswith("wrong: ")


def test_who_cannot_run_is_missing_and_the_others_go_on(ticks):
    def absent():
        raise MissingError("not here")

    def broken():
        raise ValueError("no such\nlayout")

    clock = ticks(10.0, 5.0, 10.0)
    _, first, second, third, last = rows(
        clock,
        entry("base", attempt()),
        Entry("absent", "0", absent),
        Entry("broken", "0", broken),
        entry("nobody"),
        entry("last", attempt()),
    )
    assert [first["reason"], third["reason"]] == ["not here", "nothing to try"]
    assert second["reason"] == "ValueError: no such\nlayout"
    assert last["ratio"] == 2


def test_a_base_that_cannot_run_leaves_no_ratios(ticks):
    base, ours = rows(ticks(5.0), entry("base"), entry("ours", attempt()))
    assert base["kind"] == "missing"
    assert (ours["median_us"], ours["ratio"], ours["goal"]) == (5.0, None, None)


def test_nothing_is_begun_when_the_budget_is_spent(ticks):
    moments = iter([0, 1, 2, 3, 70, 70, 70])
    found = rows(
        ticks(10.0, 5.0, 10.0),
        entry("base", attempt()),
        entry("ours", attempt(facts={"tiling": 1}), attempt()),
        entry("late", attempt()),
        now=lambda: next(moments),
    )
    assert [row["kind"] for row in found] == ["timing", "timing", "missing"]
    assert found[1]["failed"] == [found[2]["reason"]] == ["the budget of 60 s was spent"]
    assert found[1]["ratio"] == 2


def test_a_base_that_fails_the_second_time_leaves_the_noise_unknown(ticks):
    base, ours = rows(ticks(10.0, 5.0), entry("base", attempt()), entry("ours", attempt()))
    assert base["noise"] is ours["noise"] is None
    assert ours["ratio"] == 2


def test_a_case_that_is_not_begun_has_one_row(ticks):
    (row,) = rows(ticks(), entry("base", attempt()), seconds=0)
    assert (row["kind"], row["reason"]) == ("missing", "the budget of 0 s was spent")


def test_the_goal_is_for_the_fastest_of_ours(ticks):
    name = "linear-4096x4096-t4096"
    clock = ticks(100.0, 30.0, 20.0, 10.0, 40.0, 100.0)
    found = rows(
        clock,
        entry("base", attempt()),
        entry("slow", attempt(), ours=True, zeros="75"),
        entry("fast", attempt(), ours=True, zeros="75"),
        entry("theirs", attempt(), zeros="75"),
        entry("sparser", attempt(), ours=True, zeros="90"),
        name=name,
    )
    assert [row["goal"] for row in found] == [None, None, 2.0, None, 4.0]
    assert goals.gpu(name, "50") is None


def test_a_run_without_a_clock_has_rows_without_times(ticks):
    found = rows(ticks(None, None), entry("base", attempt()), entry("ours", attempt(), ours=True))
    assert [row["kind"] for row in found] == ["checked", "checked"]
    assert not {"median_us", "ratio"} & set().union(*found)


def test_the_base_is_the_fastest_of_the_dense_ones(ticks):
    clock = ticks(100.0, 60.0, 30.0, 64.0)
    found = rows(
        clock,
        entry("cublas", attempt()),
        entry("cublas fused", attempt()),
        entry("ours", attempt(), ours=True),
    )
    assert [row["ratio"] for row in found] == pytest.approx([0.62, 62 / 60, 62 / 30])
    assert {row["base"] for row in found} == {"cublas fused"}
    assert found[0]["noise"] == pytest.approx(4 / 62)


def test_rows_are_seen_as_soon_as_they_are_there(ticks):
    seen = []
    contest = Contest(ticks(10.0, 5.0, 12.0), Budget(60), "a GPU")
    entries = [entry("base", attempt()), entry("ours", attempt(), ours=True)]
    contest.rows(Case("case", lambda: entries), seen.append)
    assert [[row["ratio"] for row in rows] for rows in seen] == [[1], [1, 2]]
    assert seen[1][1]["noise"] is None


def test_rows_that_came_too_late_say_so(ticks):
    (row,) = rows(ticks(), entry("base", attempt()), seconds=0)
    assert row["late"] is True
    _, absent = rows(ticks(10.0, 10.0), entry("base", attempt()), entry("nobody"))
    assert "late" not in absent
