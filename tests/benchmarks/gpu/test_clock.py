"""The protocol: graphs of many calls, which take turns; warm replays; a median."""

import contextlib

import pytest
import torch
from gpu.clock import REPLAYS, WARM, Dry, Graphs

from sparseprune.accelerator import timing


class Device:
    """CUDA as far as the clock uses it: a replay takes 1 ms, every third 9 ms."""

    def __init__(self):
        self.now, self.replays, self.capturing, self.stream = 0.0, 0, False, None

    def advance(self):
        self.replays += 1
        self.now += 9.0 if self.replays % 3 == 0 else 1.0


@pytest.fixture
def device(monkeypatch):
    device = Device()

    class Stream:
        def __init__(self, device=0):
            pass

        def wait_stream(self, other):
            pass

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            self.moment = device.now

        def elapsed_time(self, end):
            return end.moment - self.moment

    class Graph:
        def replay(self):
            device.advance()

    @contextlib.contextmanager
    def current(stream):
        before, device.stream = device.stream, stream
        try:
            yield
        finally:
            device.stream = before

    @contextlib.contextmanager
    def capture(graph, stream):
        """As torch's, which leaves its stream current when it fails."""
        device.capturing, device.stream = True, stream
        yield
        device.capturing = False

    stand_ins = {
        "Stream": Stream, "Event": Event, "CUDAGraph": Graph, "graph": capture,
        "current_device": lambda: 0, "current_stream": Stream, "stream": current,
        "synchronize": lambda: None,
    }  # fmt: skip
    for name, value in stand_ins.items():
        monkeypatch.setattr(torch.cuda, name, value)
    timing._side_stream.cache_clear()
    yield device
    timing._side_stream.cache_clear()


@pytest.mark.parametrize(("copies", "captured"), [(1, 32), (3, 32), (32, 32), (40, 40)])
def test_a_graph_takes_turns_with_the_copies(device, copies, captured):
    made = []
    calls = [lambda n=n: made.append((device.capturing, n)) for n in range(copies)]
    us = Graphs().microseconds(calls)
    assert made[:copies] == [(False, n) for n in range(copies)]
    assert made[copies:] == [(True, n % copies) for n in range(captured)]
    assert device.replays == WARM + REPLAYS
    assert us == pytest.approx(1000 / captured)


def test_a_capture_that_fails_leaves_the_current_stream_as_it_was(device):
    def call():
        if device.capturing:
            raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.raises(RuntimeError, match="not permitted"):
        Graphs().microseconds([call])
    assert device.stream is None


def test_calls_of_python_are_timed_in_a_row(device):
    def call():
        device.now += 2

    assert Graphs().eager(call) == pytest.approx(2000)


def test_a_dry_run_calls_another_copy():
    made = []
    Dry().microseconds([lambda n=n: made.append(n) for n in range(3)])
    Dry().microseconds([lambda: made.append("only")])
    Dry().eager(lambda: made.append("eager"))
    assert made == [1, "only", "eager"]
