"""How rounds are held, on a GPU that is played: its clock is moved by what runs."""

import gc
import weakref
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest

from sparseprune.accelerator import timing
from sparseprune.errors import InputError


class Gpu:
    """Milliseconds pass where a test says so; a graph replays what ran inside it."""

    def __init__(self, can_record=True):
        self.now, self.can_record, self.current = 0.0, can_record, Stream("default")
        self.gpu = 0
        self.cuda = SimpleNamespace(
            device=lambda _: nullcontext(),
            current_device=lambda: self.gpu,
            stream=self.stream,
            graph=self.graph,
            Stream=Stream,
            current_stream=lambda: self.current,
            synchronize=lambda: None,
            CUDAGraph=lambda: SimpleNamespace(replay=lambda: self.wait(7.0)),
            Event=lambda enable_timing: Event(self),
        )

    @contextmanager
    def stream(self, stream):
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before

    @contextmanager
    def graph(self, _, stream, capture_error_mode):
        """As torch's: when a capture fails its end fails too, and its stream stays current."""
        before, self.current = self.current, stream
        assert capture_error_mode == "thread_local"
        try:
            yield
            if not self.can_record:
                raise RuntimeError("operation not permitted when stream is capturing\nmore")
        except RuntimeError:
            raise RuntimeError("operation failed due to a previous error in capture") from None
        self.current = before

    def wait(self, milliseconds):
        self.now += milliseconds


class Stream:
    def __init__(self, device):
        self.device = device

    def wait_stream(self, _):
        pass


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
        timing._side_stream.cache_clear()
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
    gpu, timer = play(graphs=True, can_record=False)
    with pytest.raises(InputError, match="when stream is capturing; leave cuda_graph out"):
        timer.prepare([lambda: None])
    assert gpu.current.device == "default"


def test_a_graph_holds_what_it_reads(play):
    _, timer = play(graphs=True)

    class Weights:
        def __call__(self):
            pass

    weights = Weights()
    alive = weakref.ref(weights)
    found = timer.prepare([weights])
    del weights
    gc.collect()
    assert alive() is not None
    del found
    gc.collect()
    assert alive() is None


def test_graphs_are_recorded_on_one_stream_of_their_gpu(play):
    gpu, timer = play(graphs=True)
    seen = []
    for gpu.gpu in (0, 1, 0):
        timer.prepare([lambda: seen.append(gpu.current)])
    assert [stream.device for stream in dict.fromkeys(seen)] == [0, 1]
    assert len({id(stream) for stream in seen}) == 2
