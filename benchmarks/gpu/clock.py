"""Microseconds of a call on a GPU, by CUDA graphs: launches cost nothing, the cache holds nothing.

Calls cycle over copies of the weight that do not fit the L2 cache together, as those of a network's
other layers do not: a 4096 x 4096 weight in bfloat16 fits an H100's, and repeated calls would read
it from there.
"""

import statistics
from collections.abc import Callable, Sequence
from typing import Protocol

import torch

from sparseprune.accelerator.timing import aside

Call = Callable[[], torch.Tensor]

# Calls of a graph at least, so that its start, a few microseconds, is as little of each call with
# few copies as with many; calls of Python in a row; replays before the clock, replays on it.
CALLS, EAGER_CALLS, WARM, REPLAYS = 32, 4, 3, 20


class Clock(Protocol):
    """Takes times, or in a dry run only runs what would be timed."""

    def microseconds(self, calls: Sequence[Call]) -> float | None:
        """Of one call, which are the same work on different memory."""

    def eager(self, call: Call) -> float | None:
        """Of one call as Python makes it, its launches included."""


class Graphs:
    """The clock of a GPU."""

    def microseconds(self, calls: Sequence[Call]) -> float:
        """Median of the replays of one graph, over its calls."""
        graph, count = torch.cuda.CUDAGraph(), max(len(calls), CALLS)
        with aside() as side:
            for call in calls:  # compiles, and chooses algorithms
                call()
            torch.cuda.synchronize()
            with torch.cuda.graph(graph, stream=side):
                for number in range(count):
                    calls[number % len(calls)]()
        return _median(graph.replay) / count

    def eager(self, call: Call) -> float:
        """Median of samples of calls in a row, so that launches overlap with work as they do."""

        def several() -> None:
            for _ in range(EAGER_CALLS):
                call()

        return _median(several) / EAGER_CALLS


class Dry:
    """No clock: in the interpreter there is nothing to time."""

    def microseconds(self, calls: Sequence[Call]) -> None:
        """Run the second copy, as the first has been checked."""
        calls[1 % len(calls)]()

    def eager(self, call: Call) -> None:
        """Run it."""
        call()


def _median(sample: Callable[[], object]) -> float:
    """Microseconds of ``sample`` between events, after warm ones."""
    for _ in range(WARM):
        sample()
    events = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(REPLAYS)]
    for begin, end in events:
        begin.record()
        sample()
        end.record()
    torch.cuda.synchronize()
    return statistics.median(1e3 * begin.elapsed_time(end) for begin, end in events)
