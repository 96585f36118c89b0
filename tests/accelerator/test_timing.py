"""How rounds are held, on a GPU that is played: its clock is moved by what runs."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from sparseprune.accelerator import timing
from sparseprune.errors import InputError


class Gpu:
    """Milliseconds pass where a test says so; a graph replays what ran inside it."""

    def __init__(self, can_record=True):
        self.now, self.can_record = 0.0, can_record
        self.cuda = SimpleNamespace(
            device=lambda _: nullcontext(),
            stream=lambda _: nullcontext(),
            graph=self.graph,
            Stream=lambda: SimpleNamespace(wait_stream=lambda _: None),
            current_stream=lambda: SimpleNamespace(wait_stream=lambda _: None),
            synchronize=lambda: None,
            CUDAGraph=lambda: SimpleNamespace(replay=lambda: self.wait(7.0)),
            Event=lambda enable_timing: Event(self),
        )

    def graph(self, _):
        if not self.can_record:
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        return nullcontext()

    def wait(self, milliseconds):
        self.now += milliseconds


class Event:
    def __init__(self, gpu):
        self.gpu = gpu

    def record(self):
        self.at = self.gpu.now

    def synchronize(self):
        pass

    def elapsed_time(self, end):
        return end.at - self.at


@pytest.fixture
def play(monkeypatch):
    def start(graphs, **options):
        gpu = Gpu(**options)
        monkeypatch.setattr(timing, "torch", gpu)
        return gpu, timing.GpuTimer("cuda", graphs=graphs)

    return start


def test_times_are_medians_of_single_calls_that_take_turns(play):
    gpu, timer = play(graphs=False)
    seen = []

    def slow():
        seen.append("slow")
        gpu.wait(100.0 if len(seen) % 10 == 0 else 2.0)

    def fast():
        seen.append("fast")
        gpu.wait(1.0)

    rounds = {"slow": timer.prepare([slow] * 3), "fast": timer.prepare([fast])}
    seen.clear()
    times = timer.race(rounds)
    assert times == pytest.approx({"slow": 2e-3, "fast": 1e-3})
    assert seen[:8] == ["slow", "slow", "slow", "fast"] * 2
    assert len(seen) == 23 * 4


def test_graphs_are_replayed(play):
    gpu, timer = play(graphs=True)
    calls = []
    found = timer.prepare([lambda: calls.append(gpu.wait(50.0))] * 2)
    recorded = len(calls)
    assert timer.race({"a": found}) == {"a": pytest.approx(3.5e-3)}
    assert len(calls) == recorded


def test_what_cannot_be_recorded_is_said(play):
    _, timer = play(graphs=True, can_record=False)
    with pytest.raises(InputError, match="when stream is capturing; leave cuda_graph out"):
        timer.prepare([lambda: None])
