"""Latency of Runners against a dense baseline: interleaved pairs in one process.

A machine has quiet and busy seconds: times taken one after the other differ by up to 1.4 times
with nothing changed. So each artefact and the baseline are timed back to back, in alternating
order, and a speed-up is the median over rounds of the ratio within a pair. The baseline is paired
with itself too: the spread of that ratio, which should be 1, is the noise of the measurement.
"""

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sparseprune.errors import InputError
from sparseprune.measure.memory import memory
from sparseprune.measure.quantiles import median_interval, quantile
from sparseprune.recipe import Measure
from sparseprune.records import Row
from sparseprune.runtime import OnnxRunner, Runner

Batch = npt.NDArray[np.float32]
Progress = Callable[[int, int, str], None]  # artefact samples done, of how many, a few words

# One sample lasts at least this long: 10 000 times the clock's resolution and 100 times a
# scheduler's switch, yet short beside a machine's busy spells.
_SAMPLE_SECONDS = 1e-3
# Sessions with several threads keep their workers spinning for a moment after a call; the next
# session's sample starts when they sleep.
_SETTLE_SECONDS = 3e-3
_WARM_UP_CALLS = 5


@dataclass
class _Subject:
    """A runner under the clock and what was seen of it: µs a call, and baseline over own time."""

    runner: Runner
    calls: int
    microseconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)


def latency(
    runners: Mapping[str, Runner],
    baseline: str,
    batch: Batch,
    settings: Measure,
    *,
    footprint: bool = True,
    progress: Progress = lambda done, total, text: None,
) -> list[Row]:
    """``latency`` rows, one per runner, the baseline's included.

    ``median_us``, ``p10_us`` and ``p90_us`` are over rounds, in microseconds a call of
    ``settings.batch`` pictures; a round's value is the mean of enough calls to last a
    millisecond. ``speedup`` is the median paired ratio with its 95 % order-statistic interval;
    ``noise`` is half the distance between the 10 % and 90 % quantile of the baseline's ratio to
    itself. ``load_ms`` and ``memory_bytes`` come from a fresh process (:func:`memory`).

    Args:
        runners: by id; each already set to ``settings.threads`` threads.
        baseline: id of the dense parent among ``runners``.
        batch: normalised pictures [N, C, H, W]; the first ``settings.batch`` are used.
        settings: threads, pictures a call, rounds.
        footprint: also load each ONNX file in a process of its own.
        progress: called after every round and every load.

    Raises:
        InputError: no such baseline, too few pictures, or a runner set to other threads.
    """
    _check(runners, baseline, batch, settings)
    pictures = np.ascontiguousarray(batch[: settings.batch])
    subjects = {id: _Subject(runner, _calls(runner, pictures)) for id, runner in runners.items()}
    settle = _SETTLE_SECONDS if settings.threads > 1 else 0.0
    total = settings.rounds + (len(runners) if footprint else 0)
    reference = subjects[baseline]
    with _undisturbed():
        for turn in range(settings.rounds):
            for subject in subjects.values():
                _pair(subject, reference, pictures, turn % 2 == 0, settle)
            progress(turn + 1, total, "latency")
    noise = (quantile(reference.ratios, 0.9) - quantile(reference.ratios, 0.1)) / 2
    rows = []
    for id, subject in subjects.items():
        facts = _facts(subject.runner, pictures, settings.threads, footprint)
        rows.append({"id": id, "baseline": baseline, **facts, **_times(subject), "noise": noise})
        if footprint:
            progress(settings.rounds + len(rows), total, f"memory of {id}")
    return [{"kind": "latency", "batch": settings.batch, **row} for row in rows]


def _pair(
    subject: _Subject, reference: _Subject, pictures: Batch, subject_first: bool, settle: float
) -> None:
    """Time both back to back; alternating the order cancels a drift within the pair."""
    if subject_first:
        own = _sample(subject, pictures, settle)
        dense = _sample(reference, pictures, settle)
    else:
        dense = _sample(reference, pictures, settle)
        own = _sample(subject, pictures, settle)
    subject.microseconds.append(own * 1e6)
    subject.ratios.append(dense / own)


def _sample(subject: _Subject, pictures: Batch, settle: float) -> float:
    """Mean seconds a call. One untimed call first brings the network back into the caches."""
    if settle:
        time.sleep(settle)
    predict = subject.runner.predict
    predict(pictures)
    start = time.perf_counter_ns()
    for _ in range(subject.calls):
        predict(pictures)
    return (time.perf_counter_ns() - start) * 1e-9 / subject.calls


def _calls(runner: Runner, pictures: Batch) -> int:
    """How many calls make a sample; the fastest of a few warm ones counts."""
    durations = []
    for _ in range(_WARM_UP_CALLS):
        start = time.perf_counter()
        runner.predict(pictures)
        durations.append(time.perf_counter() - start)
    return max(1, math.ceil(_SAMPLE_SECONDS / max(min(durations), 1e-9)))


def _times(subject: _Subject) -> dict[str, float]:
    low, high = median_interval(subject.ratios)
    return {
        "median_us": quantile(subject.microseconds, 0.5),
        "p10_us": quantile(subject.microseconds, 0.1),
        "p90_us": quantile(subject.microseconds, 0.9),
        "speedup": quantile(subject.ratios, 0.5),
        "speedup_low": low,
        "speedup_high": high,
    }


def _facts(runner: Runner, pictures: Batch, threads: int, footprint: bool) -> dict[str, Any]:
    """Who computes, and what the file costs; null where there is no file to ask."""
    path: Path | None = getattr(runner, "path", None)
    facts: dict[str, Any] = {
        "provider": getattr(runner, "provider", None),
        "threads": threads,
        "file_bytes": path.stat().st_size if path else None,
        "load_ms": None,
        "memory_bytes": None,
    }
    if footprint and path and isinstance(runner, OnnxRunner):
        found = memory(path, pictures.shape, threads=threads, provider=runner.requested)
        facts.update(load_ms=found.load_ms, memory_bytes=found.memory_bytes)
    return facts


def _check(runners: Mapping[str, Runner], baseline: str, batch: Batch, settings: Measure) -> None:
    if baseline not in runners:
        raise InputError(f"baseline: expected one of {', '.join(runners)}, got {baseline!r}")
    if len(batch) < settings.batch:
        raise InputError(
            f"expected at least {settings.batch} pictures for measure.batch, got {len(batch)}; "
            "give more pictures or a smaller batch"
        )
    for id, runner in runners.items():
        threads = getattr(runner, "threads", None)
        if threads is not None and threads != settings.threads:
            raise InputError(
                f"{id}: expected a runner of {settings.threads} threads, got one of {threads}; "
                "load it with the threads of the measurement"
            )


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
