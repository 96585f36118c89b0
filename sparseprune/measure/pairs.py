"""Calls under the clock, in interleaved pairs with a baseline.

A machine has quiet and busy seconds: times taken one after the other differ by up to 1.4 times
with nothing changed. So each subject and the baseline are timed back to back, in alternating
order, and a speed-up is the median over rounds of the ratio within a pair. The figure of a sample
is the median of its calls: on a shared machine, of the same samples of 4 to 23 calls, its intervals
were 6 to 28 % narrower and its noise 6 to 36 % smaller than the mean's, which one switch to another
process moves. The baseline is paired with itself too: the spread of that ratio, which should be 1,
is the noise of the measurement.
"""

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

from sparseprune.measure.quantiles import median_interval, quantile

Call = Callable[[], object]

# One sample lasts at least this long: 10 000 times the clock's resolution and 100 times a
# scheduler's switch, yet short beside a machine's busy spells.
_SAMPLE_SECONDS = 1e-3
# A 99th percentile needs a hundred calls; networks slower than this get no more for its sake.
_PERCENTILE_CALLS, _SLOW_SECONDS = 100, 20e-3
# Sessions with several threads keep their workers spinning for a moment after a call; the next
# session's sample starts when they sleep.
_SETTLE_SECONDS = 3e-3
_WARM_UP_CALLS = 5


@dataclass
class Subject:
    """A call and what was seen of it: µs of each, and baseline over own time in each pair."""

    call: Call
    calls: int
    microseconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)


class Contest:
    """Subjects in turns with a baseline, which is one of them."""

    def __init__(
        self, calls: Mapping[str, Call], baseline: str, *, rounds: int, threads: int
    ) -> None:
        """Warm every call up, and see how many of each make a sample."""
        self.rounds = rounds
        self._settle = _SETTLE_SECONDS if threads > 1 else 0.0
        self._subjects = {id: Subject(call, _calls(call, rounds)) for id, call in calls.items()}
        self._reference = self._subjects[baseline]

    def run(self, progress: Callable[[int], None] = lambda done: None) -> None:
        """All rounds; an interrupt leaves those that were finished."""
        with _undisturbed():
            for turn in range(self.rounds):
                for subject in self._subjects.values():
                    self._pair(subject, turn % 2 == 0)
                progress(turn + 1)

    def times(self, id: str) -> dict[str, Any]:
        """What was seen of one subject.

        ``median_us``, ``p10_us``, ``p90_us`` and ``p99_us`` (None below a hundred) are over all
        ``calls``, in microseconds. ``speedup`` is the median paired ratio with its 95 %
        order-statistic interval; ``noise`` is half the distance between the 10 % and 90 % quantile
        of the baseline's ratio to itself.
        """
        subject, reference = self._subjects[id], self._reference
        low, high = median_interval(subject.ratios)
        enough = len(subject.microseconds) >= _PERCENTILE_CALLS
        return {
            "calls": len(subject.microseconds),
            "median_us": quantile(subject.microseconds, 0.5),
            "p10_us": quantile(subject.microseconds, 0.1),
            "p90_us": quantile(subject.microseconds, 0.9),
            "p99_us": quantile(subject.microseconds, 0.99) if enough else None,
            "speedup": quantile(subject.ratios, 0.5),
            "speedup_low": low,
            "speedup_high": high,
            "noise": (quantile(reference.ratios, 0.9) - quantile(reference.ratios, 0.1)) / 2,
        }

    def _pair(self, subject: Subject, subject_first: bool) -> None:
        """Time both back to back; alternating the order cancels a drift within the pair."""
        if subject_first:
            own = self._sample(subject)
            base = self._sample(self._reference)
        else:
            base = self._sample(self._reference)
            own = self._sample(subject)
        subject.microseconds += [seconds * 1e6 for seconds in own]
        subject.ratios.append(median(base) / median(own))

    def _sample(self, subject: Subject) -> list[float]:
        """Seconds of each call. One untimed call first brings the network back into the caches."""
        if self._settle:
            time.sleep(self._settle)
        call, clock = subject.call, time.perf_counter_ns
        call()
        marks = [clock()]
        for _ in range(subject.calls):
            call()
            marks.append(clock())
        return [max(b - a, 1) * 1e-9 for a, b in pairwise(marks)]


def _calls(call: Call, rounds: int) -> int:
    """How many calls make a sample; the fastest of a few warm ones counts."""
    durations = []
    for _ in range(_WARM_UP_CALLS):
        start = time.perf_counter()
        call()
        durations.append(time.perf_counter() - start)
    fastest = max(min(durations), 1e-9)
    for_percentile = math.ceil(_PERCENTILE_CALLS / rounds) if fastest < _SLOW_SECONDS else 1
    return max(for_percentile, math.ceil(_SAMPLE_SECONDS / fastest))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No garbage collection inside a sample."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
