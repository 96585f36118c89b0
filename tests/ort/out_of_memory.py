"""Run with failing_malloc preloaded: each of the library's allocations fails once, in turn, then
all from there on. MODEL MALLOC_LIBRARY. Prints how many allocations were tried in each stage."""

import ctypes
import itertools
import json
import sys
from pathlib import Path

import numpy as np

from sparseprune import onnxruntime

MODEL = Path(sys.argv[1]).read_bytes()
ALLOCATOR = ctypes.CDLL(sys.argv[2])
ALLOCATOR.FailAllocations.argtypes = [ctypes.c_size_t, ctypes.c_size_t] + [ctypes.c_long] * 2
ALWAYS = 10**9


def code_range():
    """Where the library's code lies."""
    name = onnxruntime.library_path().name
    lines = [line for line in Path("/proc/self/maps").read_text().splitlines() if name in line]
    ends = [tuple(int(part, 16) for part in line.split()[0].split("-")) for line in lines]
    return min(ends)[0], max(ends)[1]


def attempts(range_, times, attempt):
    """Fail after 0, 1, 2 ... allocations, less densely later, until nothing fails any more."""
    after, tried, failed = 0, 0, True
    while failed:
        ALLOCATOR.FailAllocations(*range_, after, times)
        try:
            attempt()
        except Exception as error:
            text = str(error)
            assert "memory" in text or "bad_alloc" in text, text
        failed = ALLOCATOR.FailuresLeft() < times
        ALLOCATOR.FailAllocations(0, 0, 0, 0)
        after, tried = after + 1 + after // 40, tried + 1
    return tried


def open_session(**arguments):
    return onnxruntime.session(
        MODEL, provider="sparseprune", threads=2, min_sparsity=0, tuning_cache="off", **arguments
    )


def main():
    explained = Path(sys.argv[1]).with_name("explained")
    expected = open_session().run(None, {"x": batch(4)})[0]
    range_ = code_range()
    counts = {}
    for times in (1, ALWAYS):
        counts[f"open {times}"] = attempts(range_, times, open_session)
        session = open_session(explain=explained)
        size = itertools.count(1)  # a new shape each time: it is planned anew
        counts[f"plan {times}"] = attempts(
            range_, times, lambda s=session, n=size: s.run(None, {"x": batch(1 + next(n) % 40)})
        )
        counts[f"run {times}"] = attempts(
            range_, times, lambda s=session: s.run(None, {"x": batch(4)})
        )
        assert np.array_equal(session.run(None, {"x": batch(4)})[0], expected)
        tuned = open_session(tune_seconds=0.001)
        counts[f"tune {times}"] = attempts(
            range_, times, lambda s=tuned, n=size: s.run(None, {"x": batch(1 + next(n) % 40)})
        )
    print(json.dumps(counts))


def batch(size):
    return np.random.default_rng(size).standard_normal((size, 3, 9, 9)).astype(np.float32)


main()
