from dataclasses import dataclass
from importlib import import_module

import numpy as np
import pytest

from sparseprune.errors import InputError
from sparseprune.measure import latency
from sparseprune.recipe import Measure

BATCH = np.zeros((4, 1, 2, 2), np.float32)


class Clock:
    """Time that passes only while a runner works; ``slowness`` stretches all of it."""

    def __init__(self):
        self.now = 0.0
        self.slowness = 1.0

    def perf_counter(self):
        return self.now

    def perf_counter_ns(self):
        return round(self.now * 1e9)

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(import_module("sparseprune.measure.pairs"), "time", made)
    return made


@dataclass
class Worker:
    """A runner that takes ``seconds`` a call; ``drift`` slows the whole machine down each time."""

    clock: Clock
    seconds: float
    drift: float = 1.0
    stalls: frozenset = frozenset()  # the calls that another process keeps waiting
    name: str = "worker"
    threads: int | None = None
    calls: int = 0
    sizes: tuple = ()

    def predict(self, batch):
        self.calls += 1
        self.sizes = batch.shape
        waited = 100 if self.calls in self.stalls else 1
        self.clock.now += waited * self.seconds * self.clock.slowness
        self.clock.slowness *= self.drift
        return np.zeros((len(batch), 2), np.float32)


def test_known_durations_come_back(clock):
    seconds = {"dense": 2e-3, "fast": 5e-4, "slow": 4e-3}
    runners = {id: Worker(clock, duration) for id, duration in seconds.items()}
    ticks = []
    rows = latency(
        runners,
        "dense",
        BATCH,
        Measure(rounds=9, batch=2),
        progress=lambda *tick: ticks.append(tick),
    )
    assert [row["id"] for row in rows] == list(seconds)
    for row in rows:
        exact = pytest.approx(seconds[row["id"]] * 1e6)
        assert (row["kind"], row["baseline"]) == ("latency", "dense")
        assert (row["batch"], row["threads"]) == (2, 1)
        assert row["p10_us"] == row["median_us"] == row["p90_us"] == exact
        ratio = pytest.approx(2e-3 / seconds[row["id"]])
        assert row["speedup_low"] == row["speedup"] == row["speedup_high"] == ratio
        assert row["noise"] == pytest.approx(0, abs=1e-6)
        assert row["file_bytes"] is row["load_ms"] is row["memory_bytes"] is None
        assert runners[row["id"]].sizes == (2, 1, 2, 2)
    assert ticks[-1][:2] == (12, 12)


def test_a_machine_that_slows_down_does_not_bias_the_speedup(clock):
    """Each call is 0.1 % slower than the one before: 250 calls later, by over a quarter."""
    runners = {"dense": Worker(clock, 1e-3, 1.001), "same": Worker(clock, 1e-3, 1.001)}
    rows = latency(runners, "dense", BATCH, Measure(rounds=30), footprint=False)
    for row in rows:
        assert row["p90_us"] > 1.2 * row["p10_us"]
        assert row["speedup"] == pytest.approx(1, abs=1e-3)
        assert 0 < row["noise"] < 0.01


def test_a_call_that_waited_for_another_process_does_not_move_the_speedup(clock):
    """The first timed call of most samples, which come after 5 calls to warm up: 1 and 10 each."""
    stalls = frozenset(range(7, 300, 11))
    runners = {"dense": Worker(clock, 1e-4), "stalled": Worker(clock, 1e-4, stalls=stalls)}
    rows = latency(runners, "dense", BATCH, Measure(rounds=30), footprint=False)
    assert rows[1]["calls"] == 300
    assert rows[1]["speedup"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("seconds", "rounds", "calls"),
    [
        (1e-4, 40, 10),  # a millisecond for the clock
        (1e-3, 20, 5),  # a hundred calls for the 99th percentile
        (2.5e-2, 20, 1),  # unless that takes too long
    ],
)
def test_a_sample_is_long_enough(clock, seconds, rounds, calls):
    runner = Worker(clock, seconds)
    (row,) = latency({"dense": runner}, "dense", BATCH, Measure(rounds=rounds), footprint=False)
    assert row["calls"] == pytest.approx(rounds * calls, abs=rounds)
    assert (row["p99_us"] is None) == (row["calls"] < 100)
    # 5 calls to warm up; a round has 2 samples, each with a call before it for the caches.
    assert runner.calls == 5 + 2 * (row["calls"] + rounds)


def test_sessions_with_several_threads_get_a_pause_first(clock):
    runner = Worker(clock, 1e-3)
    latency({"dense": runner}, "dense", BATCH, Measure(rounds=2, threads=2), footprint=False)
    assert clock.now >= runner.calls * 1e-3 + 4 * 3e-3


def test_bad_requests_are_refused(clock):
    runners = {"dense": Worker(clock, 1e-3, threads=2)}
    with pytest.raises(InputError, match="baseline: expected one of dense, got 'parent'"):
        latency(runners, "parent", BATCH, Measure())
    with pytest.raises(InputError, match=r"at least 8 pictures for measure\.batch, got 4"):
        latency(runners, "dense", BATCH, Measure(batch=8))
    with pytest.raises(InputError, match="dense: expected a runner of 1 threads, got one of 2"):
        latency(runners, "dense", BATCH, Measure())


def test_onnx_files_are_weighed_in_a_process_of_their_own(linear_model):
    from sparseprune.runtime import OnnxRunner

    runners = {"dense": OnnxRunner(linear_model, provider="cpu")}
    (row,) = latency(runners, "dense", BATCH, Measure(rounds=2))
    assert row["file_bytes"] == linear_model.stat().st_size
    assert row["provider"] == "CPUExecutionProvider"
    assert row["load_ms"] > 0
    assert 0 < row["p10_us"] <= row["median_us"] <= row["p90_us"]
    assert 0 < row["speedup_low"] <= row["speedup"] <= row["speedup_high"]
    assert row["memory_bytes"] is None or row["memory_bytes"] >= 0
