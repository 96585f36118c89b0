"""How far to go: of a rising row of levels, the one whose achieved ratio is nearest the target."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import TypeVar

from sparseprune.errors import InputError
from sparseprune.prune.accounting import Entries, Parameters, count, ratio
from sparseprune.prune.pruned import Pruned
from sparseprune.prune.task import Task

L = TypeVar("L")

#: How many channels each block keeps.
Counts = tuple[int, ...]


def nearest(
    levels: Sequence[L],
    counts: Callable[[L], Counts],
    attempt: Callable[[Counts], Pruned],
    parameters: Parameters,
    task: Task,
) -> Pruned:
    """The outcome nearest to the target, counted after dead structure is gone, and above the now.

    Levels may be many millions, such as a ``range``: few are tried.

    Args:
        levels: the higher, the more goes.
        counts: how many channels of each block a level leaves.
        attempt: what is left then; made twice for the same counts, it is the same.
        parameters: of the network.
        task: what is asked for.

    Raises:
        InputError: the last level removes less than the target.
    """
    # Ratios and not outcomes are held: the masks of a large network are as many bytes as weights.
    tried: dict[Counts, float] = {}

    entries = Entries.of(parameters)

    def achieved(level: L) -> float:
        kept = counts(level)
        if kept not in tried:
            left = count(entries.masked(attempt(kept).masks), task.graph)
            tried[kept] = ratio(left, task.dense, task.unit)
        return tried[kept]

    now = ratio(task.now, task.dense, task.unit)
    if bisect_left(levels, task.target, key=achieved) == len(levels):
        raise out_of_reach(task, achieved(levels[-1]) if levels else now)
    further = [kept for kept, reached in tried.items() if reached > now]
    # Of two as near, the one that removes more.
    best = min(further, key=lambda kept: (abs(tried[kept] - task.target), -tried[kept]))
    return attempt(best)


def out_of_reach(task: Task, highest: float) -> InputError:
    """What to say where no level removes more than ``highest``, less than the target."""
    multiple = task.round_to
    fewest = "one filter is" if multiple == 1 else f"the least multiple of {multiple} is"
    return InputError(
        f"target {task.unit} {task.target}: expected at most {highest:.4f}, where {fewest} "
        "left in every layer that may be pruned; lower the target or let more layers be pruned"
    )
