"""Rows of one case: the base twice, and everybody else between, checked before they are timed."""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

import goals
from peers import MissingError
from torch import Tensor

from gpu import gate
from gpu.clock import Call, Clock
from sparseprune.errors import GateError
from sparseprune.records import Row

BASE = "base"


class Work(NamedTuple):
    """What a call must do at least: operations on kept weights, bytes of each tensor once."""

    flops: int
    moved: int

    def rates(self, us: float) -> Row:
        """Beside the ceilings these show what bounds a call."""
        return {"tflop_per_s": self.flops / us / 1e6, "tb_per_s": self.moved / us / 1e6}


@dataclass(frozen=True)
class Attempt:
    """One way to compute a layer: the same work on rotated copies, and what is told of it."""

    calls: Sequence[Call]
    facts: Row = field(default_factory=dict)
    eager: bool = False
    work: Work | None = None


@dataclass(frozen=True)
class Prepared:
    """What a contestant must answer, and its ways to; attempts are made one at a time."""

    expected: Tensor
    attempts: Iterable[Attempt]
    limit: float = gate.LAYER


@dataclass(frozen=True)
class Entry:
    """Who computes the case at which zeros; ``prepare`` may raise MissingError."""

    peer: str
    zeros: str
    prepare: Callable[[], Prepared]
    ours: bool = False


@dataclass(frozen=True)
class Case:
    """A name and its contestants, the base first."""

    name: str
    entries: Callable[[], Sequence[Entry]]


class Budget:
    """Seconds that may be spent; what is not begun by then is not begun."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self.seconds, self._now = seconds, now
        self._end = now() + seconds

    @property
    def spent(self) -> bool:
        return self._now() >= self._end


class Contest:
    """Measures cases with one clock within one budget."""

    def __init__(self, clock: Clock, budget: Budget, gpu: str) -> None:
        self.clock, self.gpu, self._budget = clock, gpu, budget

    def rows(self, case: Case) -> Iterator[Row]:
        """One row a contestant: ``timing``, ``checked`` in a dry run, or ``missing``."""
        if self._budget.spent:
            yield self._missing(case.name, Entry(BASE, "0", _nothing), self._late())
            return
        base, *others = case.entries()
        first = self._row(case.name, base)
        found = [self._row(case.name, entry) for entry in others]
        rows = [first, *found]
        if first["kind"] == "timing":
            again = self._row(case.name, base, late=True)
            rows = list(compared(rows, again.get("median_us")))
        yield from ({**row, "base": base.peer} for row in rows)

    def _row(self, case: str, entry: Entry, *, late: bool = False) -> Row:
        try:
            return {**self._head(case, entry), **self._best(entry, late)}
        except GateError as error:
            return {**self._missing(case, entry, str(error)), "wrong": True}
        except MissingError as error:
            return self._missing(case, entry, str(error))
        except Exception as error:  # of compilers, drivers, libraries: others can run all the same
            return self._missing(case, entry, f"{type(error).__name__}: {str(error)[:200]}")

    def _best(self, entry: Entry, late: bool) -> Row:
        """The fastest attempt; one that cannot run is told of, a wrong one ends them all."""
        if self._budget.spent and not late:
            raise MissingError(self._late())
        prepared, found, failed = entry.prepare(), [], []
        for attempt in prepared.attempts:
            if found and self._budget.spent:
                failed.append(self._late())
                break
            try:
                found.append(self._attempt(entry, prepared, attempt))
            except (GateError, MissingError):
                raise
            except Exception as error:  # a tiling that the GPU has no room for
                tiling = attempt.facts.get("tiling", "")
                failed.append(f"{tiling} {type(error).__name__}: {str(error)[:120]}".strip())
        if not found:
            raise MissingError(failed[0] if failed else "nothing to try")
        best = min(found, key=lambda row: row.get("median_us", 0))
        return {**best, **({"failed": failed} if failed else {})}

    def _attempt(self, entry: Entry, prepared: Prepared, attempt: Attempt) -> Row:
        with gate.poisoned() if entry.ours else nullcontext():
            error = gate.error(attempt.calls[0](), prepared.expected, prepared.limit)
        clock = self.clock
        us = clock.eager(attempt.calls[0]) if attempt.eager else clock.microseconds(attempt.calls)
        row = {"kind": "checked", "error": error, "copies": len(attempt.calls), **attempt.facts}
        if us is None:
            return row
        rates = attempt.work.rates(us) if attempt.work else {}
        return {**row, "kind": "timing", "median_us": us, "ratio": None, **rates}

    def _head(self, case: str, entry: Entry) -> Row:
        head = {"case": case, "peer": entry.peer, "zeros": entry.zeros, "goal": None}
        return {**head, "gpu": self.gpu, "ours": entry.ours}

    def _missing(self, case: str, entry: Entry, reason: str) -> Row:
        return {**self._head(case, entry), "kind": "missing", "base": BASE, "reason": reason}

    def _late(self) -> str:
        return f"the budget of {self._budget.seconds:g} s was spent"


def compared(rows: Sequence[Row], again: float | None) -> Iterator[Row]:
    """Ratios to the mean of the base's two times; the goal goes to the fastest of ours.

    The noise is their distance, None where the second failed.
    """
    once = rows[0]["median_us"]
    base = once if again is None else statistics.mean((once, again))
    noise = None if again is None else abs(once - again) / base
    ours = [row for row in rows if row["ours"] and row["kind"] == "timing"]
    fastest = {row["zeros"]: row for row in sorted(ours, key=lambda row: -row["median_us"])}
    for row in rows:
        if row["kind"] != "timing":
            yield row
            continue
        goal = goals.gpu(row["case"], row["zeros"]) if fastest.get(row["zeros"]) is row else None
        yield {**row, "ratio": base / row["median_us"], "noise": noise, "goal": goal}


def _nothing() -> Prepared:
    raise MissingError("not begun")
