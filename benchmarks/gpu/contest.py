"""Rows of one case: all contestants, checked before they are timed, then the base again."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
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
    """Who computes the case at which zeros; ``prepare`` may raise MissingError.

    ``dense`` ones are what a user has without us: the fastest of them is the base.
    """

    peer: str
    zeros: str
    prepare: Callable[[], Prepared]
    ours: bool = False
    dense: bool = False


@dataclass(frozen=True)
class Case:
    """A name and its contestants, of which the first is dense."""

    name: str
    entries: Callable[[], Sequence[Entry]]


def _ignored(rows: list[Row]) -> None:
    """Of a case nobody watches."""


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

    def rows(self, case: Case, seen: Callable[[list[Row]], None] = _ignored) -> list[Row]:
        """One row a contestant: ``timing``, ``checked`` in a dry run, or ``missing``.

        What there is goes to ``seen`` each time that it grows: the next one may never end.
        """
        if self._budget.spent:
            return [self._missing(case.name, Entry(BASE, "0", _nothing), self._late(), late=True)]
        entries, found = case.entries(), list[Row]()
        for entry in entries:
            found.append(self._row(case.name, entry))
            seen(compared(found, _base(entries, found), None))
        if (base := _base(entries, found)) is None:
            return compared(found, None, None)
        again = self._row(case.name, entries[base], late=True)
        return compared(found, base, again.get("median_us"))

    def _row(self, case: str, entry: Entry, *, late: bool = False) -> Row:
        try:
            return {**self._head(case, entry), **self._best(entry, late)}
        except GateError as error:
            return {**self._missing(case, entry, str(error)), "wrong": True}
        except MissingError as error:
            return self._missing(case, entry, str(error), late=str(error) == self._late())
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

    def _missing(self, case: str, entry: Entry, reason: str, *, late: bool = False) -> Row:
        row: Row = {**self._head(case, entry), "kind": "missing", "base": BASE, "reason": reason}
        return row | ({"late": True} if late else {})

    def _late(self) -> str:
        return f"the budget of {self._budget.seconds:g} s was spent"


def _base(entries: Sequence[Entry], rows: Sequence[Row]) -> int | None:
    """Which of the dense ones is the fastest, None if none has a time."""
    found = [
        (row["median_us"], number)
        for number, (entry, row) in enumerate(zip(entries, rows, strict=False))
        if entry.dense and row["kind"] == "timing"
    ]
    return min(found)[1] if found else None


def compared(rows: Sequence[Row], base: int | None, again: float | None) -> list[Row]:
    """Ratios to the mean of the base's two times; the goal goes to the fastest of ours.

    The noise is their distance, None where the second failed.
    """
    if base is None:
        return [{**row, "base": rows[0]["peer"]} for row in rows]
    once = rows[base]["median_us"]
    mean = once if again is None else statistics.mean((once, again))
    noise = None if again is None else abs(once - again) / mean
    ours = [row for row in rows if row["ours"] and row["kind"] == "timing"]
    fastest = {row["zeros"]: row for row in sorted(ours, key=lambda row: -row["median_us"])}
    found = []
    for row in rows:
        row = {**row, "base": rows[base]["peer"]}
        if row["kind"] == "timing":
            best = fastest.get(row["zeros"], {}).get("peer") == row["peer"]
            goal = goals.gpu(row["case"], row["zeros"]) if best and row["ours"] else None
            row |= {"ratio": mean / row["median_us"], "noise": noise, "goal": goal}
        found.append(row)
    return found


def _nothing() -> Prepared:
    raise MissingError("not begun")
