"""Latency of Runners against a dense baseline: rows, with what each file costs to load."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sparseprune.errors import InputError
from sparseprune.measure.memory import memory
from sparseprune.measure.pairs import Contest
from sparseprune.recipe import Measure
from sparseprune.records import Row
from sparseprune.runtime import OnnxRunner, Runner

Batch = npt.NDArray[np.float32]
Progress = Callable[[int, int, str], None]  # artefact samples done, of how many, a few words


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

    Times are of calls of ``settings.batch`` pictures, in interleaved pairs with the baseline
    (:class:`~sparseprune.measure.pairs.Contest`). ``load_ms`` and ``memory_bytes`` come from a
    fresh process (:func:`memory`).

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
    calls = {id: partial(runner.predict, pictures) for id, runner in runners.items()}
    contest = Contest(calls, baseline, rounds=settings.rounds, threads=settings.threads)
    total = settings.rounds + (len(runners) if footprint else 0)
    contest.run(lambda done: progress(done, total, "latency"))
    rows = []
    for id, runner in runners.items():
        facts = _facts(runner, pictures, settings.threads, footprint)
        rows.append({"id": id, "baseline": baseline, **facts, **contest.times(id)})
        if footprint:
            progress(settings.rounds + len(rows), total, f"memory of {id}")
    return [{"kind": "latency", "batch": settings.batch, **row} for row in rows]


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
