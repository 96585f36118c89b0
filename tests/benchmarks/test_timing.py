"""The clock's arithmetic, on a machine whose times and noise are given."""

from itertools import cycle

import pytest
from timing import QUIET, Contest


class Machine:
    """A clock that calls move on; ``busy`` decides from the time how much slower all goes."""

    def __init__(self, busy=lambda now: 1.0):
        self.now, self.busy, self.calls = 0.0, busy, []

    def call(self, name, seconds):
        def call():
            self.calls.append(name)
            self.now += seconds * self.busy(self.now)

        return call

    def probe(self):
        return 1e-4 * self.busy(self.now)

    def contest(self, base, probe=None, **others):
        calls = {name: self.call(name, seconds) for name, seconds in others.items()}
        return Contest(
            self.call("base", base), calls, probe=probe or self.probe, clock=lambda: self.now
        )


def test_ratios_and_times_of_a_quiet_machine():
    contest = Machine().contest(0.04, a=0.01, b=0.08)
    contest.run(5)
    a, b, base = contest.row("a"), contest.row("b"), contest.base_row()
    assert (a["ratio"], a["median_us"]) == (pytest.approx(4), pytest.approx(10_000))
    assert (b["ratio"], b["ratio_low"], b["ratio_high"]) == (pytest.approx(0.5),) * 3
    assert (base["ratio"], base["median_us"]) == (1, pytest.approx(40_000))
    assert a["noise"] == pytest.approx(0)
    assert (a["kept"], a["taken"], a["quiet"]) == (5, 5, True)


def test_the_base_stands_before_and_after_each():
    machine = Machine()
    contest = machine.contest(1.0, a=1.0, b=1.0)
    machine.calls.clear()
    contest.round()
    assert machine.calls == ["base", "a", "base", "b", "base"]


def test_short_calls_fill_a_sample_and_are_warmed():
    machine = Machine()
    contest = machine.contest(1e-3, a=1e-3)
    machine.calls.clear()
    contest.round()
    assert machine.calls == ["base"] * 4 + ["a"] * 4 + ["base"] * 4


def test_comparisons_beside_a_busy_probe_do_not_count():
    # Busy for a second in three; one round lasts 0.24 s.
    machine = Machine(lambda now: 1.5 if now % 3 > 2 else 1.0)
    contest = machine.contest(0.05, a=0.02)
    contest.run(10)
    row = contest.row("a")
    assert (row["kept"], row["quiet"]) == (10, True)
    assert row["taken"] > 10
    assert row["ratio"] == pytest.approx(2.5)
    assert row["p90_us"] == pytest.approx(20_000)


def test_rounds_end_although_the_machine_stays_busy():
    states = cycle([1.0] + [1.01 * QUIET] * 5)
    contest = Machine().contest(0.05, a=0.02, probe=lambda: next(states))
    contest.run(20)
    row = contest.row("a")
    assert (row["kept"], row["taken"], row["quiet"]) == (0, 40, False)
    assert row["ratio"] == pytest.approx(2.5)


def test_too_few_quiet_comparisons_are_said_and_all_are_used():
    states = iter([1.0] * 6 + [2.0] * 54)
    contest = Machine().contest(0.05, a=0.02, probe=lambda: next(states))
    contest.run(5)
    row = contest.row("a")
    assert (row["kept"], row["taken"], row["quiet"]) == (1, 10, False)


def test_progress_is_told():
    seen = []
    Machine().contest(0.1, a=0.1).run(3, seen.append)
    assert seen == [1, 2, 3]
