"""Removing filters: the same fraction in every layer, those of largest score stay."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from sparseprune.formats.mask import Masks
from sparseprune.prune.accounting import Entries, Flags, Parameters, count, ratio
from sparseprune.prune.blocks import Block, Side, find, removed
from sparseprune.prune.dead import spread
from sparseprune.prune.filter_scores import Score
from sparseprune.prune.levels import Counts, nearest, out_of_reach
from sparseprune.prune.pruned import Pruned
from sparseprune.prune.task import Task
from sparseprune.prune.unread import without_dead


def prune(score: Score, side: Side, parameters: Parameters, task: Task) -> Pruned:
    """Masks without the channels of smallest score, and without all that dies with them.

    Every layer (with ``coupling`` "group": every group of tied layers) loses the same fraction of
    its channels, rounded, and keeps at least one (section 2.6). Of all fractions that channel
    counts tell apart, the one is taken whose achieved ratio, counted after dead structure is gone,
    is nearest to the target.

    Raises:
        InputError: no channels may be pruned, the output layer's were asked for, or the target
            cannot be reached.
    """
    blocks = find(parameters, task, side, images=False)
    orders = [
        block.order(worth)
        for block, worth in zip(blocks, score(parameters, task, blocks), strict=True)
    ]

    entries = Entries.of(parameters)

    def counts(level: Fraction) -> Counts:
        return tuple(fraction_kept(block.size, level, task.round_to) for block in blocks)

    def attempt(kept: Counts) -> Pruned:
        chosen = [first(order, number) for order, number in zip(orders, kept, strict=True)]
        return Pruned(masks(entries, task, blocks, chosen))

    levels = fractions([block.size for block in blocks])
    return nearest(levels, counts, attempt, entries, task)


def check(side: Side, parameters: Parameters, task: Task) -> None:
    """Raise what ``prune`` would whatever the scores; needs no evidence."""
    require_reach(find(parameters, task, side, images=False), parameters, task)


def require_reach(blocks: Sequence[Block], parameters: Parameters, task: Task) -> None:
    """Raise if the target is too far even for blocks that keep as few channels as they may.

    Each keeps its first: layers that are masked independently and keep the same channels leave
    the fewest alive where a sum joins them, so no scores would go further.

    Raises:
        InputError: it is.
    """
    entries = Entries.of(parameters)
    fewest = [
        first(block.order(np.zeros(block.size)), rounded(1, block.size, task.round_to))
        for block in blocks
    ]
    left = count(entries.masked(masks(entries, task, blocks, fewest)), task.graph)
    highest = ratio(left, task.dense, task.unit)
    if highest < task.target:
        raise out_of_reach(task, highest)


def fractions(sizes: Sequence[int]) -> list[Fraction]:
    """Every fraction at which some block of these sizes loses one more channel, rising."""
    return sorted({Fraction(2 * k + 1, 2 * size) for size in set(sizes) for k in range(size - 1)})


def fraction_kept(size: int, level: Fraction, multiple: int = 1) -> int:
    """Channels kept when the fraction ``level`` goes: rounded half down, at least one."""
    return rounded(size - int(level * size + Fraction(1, 2)), size, multiple)


def rounded(kept: int, size: int, multiple: int) -> int:
    """``kept``, at least one, raised to the next ``multiple`` as far as there are channels."""
    return min(size, -(-max(1, kept) // multiple) * multiple)


def first(order: npt.NDArray[np.int64], kept: int) -> Flags:
    """Bool per channel, True for the first ``kept`` of ``order``."""
    flags = np.zeros(len(order), dtype=bool)
    flags[order[:kept]] = True
    return flags


def masks(
    parameters: Parameters, task: Task, blocks: Sequence[Block], kept: Sequence[Flags]
) -> Masks:
    """Masks of what goes when each block keeps these channels, and of all that dies with it."""
    filters, columns = removed(parameters, blocks, kept)
    if not columns:
        return _with_zeros(parameters, task, spread(parameters, task.graph, filters))
    complete = _with_zeros(parameters, task, columns)
    return without_dead(parameters, task.graph, complete, task.allowed)


def _with_zeros(parameters: Parameters, task: Task, chosen: Masks) -> Masks:
    """``chosen``, and single weights of the allowed layers that are zero already."""
    complete, entries = dict(chosen), Entries.of(parameters)
    for layer in sorted(task.allowed):
        name = f"{layer}.weight"
        kept = entries[name] & chosen[name] if name in chosen else entries[name]
        if not kept.numpy().all():
            complete[name] = kept
    return complete
