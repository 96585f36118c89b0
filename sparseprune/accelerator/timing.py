"""Times on a GPU: contestants in turn, weights cold in its cache, medians of many rounds."""

import functools
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch

from sparseprune.accelerator.roofline import Ceilings
from sparseprune.errors import InputError, first_line

Call = Callable[[], object]
# Replays before the first that counts, and those that count.
_WARM, _ROUNDS = 3, 20
# Calls before a capture: kernels are compiled and libraries choose theirs.
_PREPARING = 2
# Elements of the copy and extent of the product that ceilings are read from: 256 MiB of float16
# and 0.14 TFLOP, large against any cache and any launch.
_COPIED, _EXTENT = 2**27, 4096


class Round(NamedTuple):
    """``run`` makes ``calls`` calls."""

    run: Call
    calls: int


class Timer(Protocol):
    """How contestants are timed; a test may give the times."""

    def prepare(self, calls: Sequence[Call]) -> Round:
        """One round of ``calls``; raises what they raise."""

    def race(self, rounds: Mapping[str, Round]) -> dict[str, float]:
        """Seconds a call of each."""


class GpuTimer:
    """Times between events of the current stream.

    With ``graphs`` a round is one CUDA graph, so what Python needs for a launch does not count;
    without, it counts where it is longer than the work, as in the network that is then run.
    """

    def __init__(self, device: torch.device, *, graphs: bool) -> None:
        """Of a CUDA device."""
        self._device, self._graphs = device, graphs

    def prepare(self, calls: Sequence[Call]) -> Round:
        """Warm the calls up, and capture them."""

        def run() -> None:
            for call in calls:
                call()

        with torch.cuda.device(self._device):
            return Round(captured(run) if self._graphs else _warmed(run), len(calls))

    def race(self, rounds: Mapping[str, Round]) -> dict[str, float]:
        """Medians of rounds that take turns, so that clocks and heat are the same for all."""
        times: dict[str, list[float]] = {name: [] for name in rounds}
        with torch.cuda.device(self._device):
            for turn in range(_WARM + _ROUNDS):
                for name, (run, calls) in rounds.items():
                    seconds = _seconds(run) / calls
                    if turn >= _WARM:
                        times[name].append(seconds)
        return {name: statistics.median(found) for name, found in times.items()}


@dataclass(frozen=True)
class Recording:
    """A CUDA graph with the calls it was made of, which hold the memory that it reads."""

    graph: Any
    run: Call

    def __call__(self) -> None:
        """Replay it."""
        self.graph.replay()


def captured(run: Call) -> Call:
    """``run`` as a CUDA graph of the current device: a call replays it.

    Raises:
        InputError: some operation waits for the GPU, which a graph cannot.
    """
    graph = torch.cuda.CUDAGraph()
    with aside() as side:
        _warmed(run)
        try:
            # Other threads may go on allocating.
            with torch.cuda.graph(graph, stream=side, capture_error_mode="thread_local"):
                run()
        except RuntimeError as error:
            # The end of a capture that failed raises too.
            first = error.__context__
            cause = first if isinstance(first, RuntimeError) else error
            raise InputError(
                f"cuda_graph: expected what a CUDA graph can hold, got: {first_line(cause)}; "
                "leave cuda_graph out"
            ) from error
    return Recording(graph, run)


@contextmanager
def aside() -> Iterator[torch.cuda.Stream]:
    """Work on the stream to capture on; the current one, which waits for it, is so again after.

    A capture that fails leaves its stream current, unless this is around it.
    """
    side = _side_stream(torch.cuda.current_device())
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        yield side
    torch.cuda.current_stream().wait_stream(side)


@functools.cache
def _side_stream(device: int) -> torch.cuda.Stream:
    """One for each GPU, as cuBLAS keeps up to 32 MiB for every stream it has seen."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def ceilings(timer: GpuTimer, device: torch.device, dtype: torch.dtype) -> Ceilings:
    """Measure what the GPU can do; takes under a second and a GiB."""
    source = torch.zeros(_COPIED, dtype=torch.float16, device=device)
    target = torch.empty_like(source)
    matrix = torch.randn(_EXTENT, _EXTENT, device=device).to(dtype)
    spot = source[:1]
    times = timer.race(
        {
            "copy": timer.prepare([lambda: target.copy_(source)]),
            "product": timer.prepare([lambda: matrix @ matrix]),
            "launch": timer.prepare([lambda: spot.add_(0)] * 16),
        }
    )
    moved = 2 * source.numel() * source.itemsize
    return Ceilings(2 * _EXTENT**3 / times["product"], moved / times["copy"], times["launch"])


def _warmed(run: Call) -> Call:
    for _ in range(_PREPARING):
        run()
    torch.cuda.synchronize()
    return run


def _seconds(run: Call) -> float:
    begin = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    begin.record()
    run()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) / 1e3
