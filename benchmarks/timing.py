"""Interleaved samples of many networks in one process, gated by a probe of the machine.

A shared machine has quiet and busy seconds. So a network is compared with the base that ran just
before and just after it, and a comparison counts only if the probe (loads and multiply-adds from
the caches, ``_cpu.probe``) was quiet beside each of its three samples.
"""

import gc
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sparseprune import _cpu
from sparseprune.measure.quantiles import median_interval, quantile
from sparseprune.records import Row

Call = Callable[[], object]

# The probe's time repeats to 3 % on a quiet machine; neighbours slow it by 15 to 30 %.
QUIET = 1.08
# The quiet machine is the probe's 5 % quantile: its few fastest samples ran at another clock.
_BEST = 0.05
# Long enough for the clock and the scheduler, short beside a machine's busy spells.
_SAMPLE_SECONDS = 3e-3
# A longer call needs none before it to have its weights and activations in the caches.
_WARM_SECONDS = 0.2
# Threads of a pool spin for a moment after a call; the next sample starts when they sleep.
_SETTLE_SECONDS = 3e-3


@dataclass
class Sample:
    """Seconds a call, and the slower of the probes before and after."""

    seconds: float
    probe: float


@dataclass
class Series:
    """One network under the clock, and its comparisons: (own, base over own, slowest probe)."""

    call: Call
    calls: int = 1
    warm: bool = True
    taken: list[tuple[float, float, float]] = field(default_factory=list)

    def kept(self, limit: float) -> list[tuple[float, float]]:
        return [(own, ratio) for own, ratio, probe in self.taken if probe <= limit]


class Contest:
    """Networks timed against a base, round by round."""

    def __init__(
        self,
        base: Call,
        others: Mapping[str, Call],
        *,
        settle: bool = False,
        probe: Callable[[], float] = _cpu.probe,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._probe, self._clock = probe, clock
        self._settle = _SETTLE_SECONDS if settle else 0.0
        self._probes: list[float] = []
        self._base = self._series(base)
        self.others = {name: self._series(call) for name, call in others.items()}

    def round(self) -> None:
        """Every network once, the base before, between and after them."""
        before = self._sample(self._base)
        for series in self.others.values():
            own = self._sample(series)
            after = self._sample(self._base)
            probe = max(before.probe, own.probe, after.probe)
            base = (before.seconds + after.seconds) / 2
            series.taken.append((own.seconds, base / own.seconds, probe))
            self._base.taken.append((base, before.seconds / after.seconds, probe))
            before = after

    def run(self, rounds: int, progress: Callable[[int], None] = lambda done: None) -> None:
        """Until each network has ``rounds`` quiet comparisons; at most twice as many rounds."""
        before = gc.isenabled()
        gc.disable()
        try:
            for done in range(1, 2 * rounds + 1):
                self.round()
                progress(done)
                if min(len(s.kept(self.limit)) for s in self.others.values()) >= rounds:
                    return
        finally:
            if before:
                gc.enable()

    @property
    def limit(self) -> float:
        """The slowest probe that counts as quiet."""
        return QUIET * quantile(self._probes, _BEST)

    def row(self, name: str) -> Row:
        """What was seen of one network: times in microseconds a call, ratio base over own.

        ``quiet`` is false where fewer than three comparisons, or a third of them, were; then all
        are used.
        """
        series = self.others[name]
        kept = series.kept(self.limit)
        quiet = len(kept) >= max(3, len(series.taken) / 3)
        used = kept if quiet else series.kept(math.inf)
        times, ratios = [1e6 * own for own, _ in used], [ratio for _, ratio in used]
        low, high = median_interval(ratios)
        return {
            "median_us": quantile(times, 0.5),
            "p10_us": quantile(times, 0.1),
            "p90_us": quantile(times, 0.9),
            "ratio": quantile(ratios, 0.5),
            "ratio_low": low,
            "ratio_high": high,
            "noise": self.noise,
            "kept": len(kept),
            "taken": len(series.taken),
            "quiet": quiet,
        }

    def base_row(self) -> Row:
        """The base alone; its ratio is to itself."""
        kept = self._base.kept(self.limit) or self._base.kept(math.inf)
        times = [1e6 * own for own, _ in kept]
        return {
            "median_us": quantile(times, 0.5),
            "p10_us": quantile(times, 0.1),
            "p90_us": quantile(times, 0.9),
            "ratio": 1.0,
            "noise": self.noise,
            "kept": len(kept),
            "taken": len(self._base.taken),
        }

    @property
    def noise(self) -> float:
        """Half the distance between the 10 % and 90 % quantiles of the base over itself."""
        kept = self._base.kept(self.limit) or self._base.kept(math.inf)
        ratios = [ratio for _, ratio in kept]
        return (quantile(ratios, 0.9) - quantile(ratios, 0.1)) / 2

    def _series(self, call: Call) -> Series:
        """How many calls make a sample, from the fastest of a few."""
        seconds = []
        for _ in range(3):
            start = self._clock()
            call()
            seconds.append(self._clock() - start)
        fastest = max(min(seconds), 1e-9)
        return Series(call, math.ceil(_SAMPLE_SECONDS / fastest), fastest < _WARM_SECONDS)

    def _sample(self, series: Series) -> Sample:
        if self._settle:
            time.sleep(self._settle)
        before = self._probe()
        if series.warm:
            series.call()
        start = self._clock()
        for _ in range(series.calls):
            series.call()
        seconds = (self._clock() - start) / series.calls
        after = self._probe()
        self._probes += (before, after)
        return Sample(seconds, max(before, after))
