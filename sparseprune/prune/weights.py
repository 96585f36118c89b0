"""Removing single weights, or blocks of them: the largest scores stay, as many as may."""

from collections.abc import Callable
from fractions import Fraction

from sparseprune.errors import InputError
from sparseprune.formats.mask import Masks
from sparseprune.prune.accounting import Parameters, count, masked
from sparseprune.prune.pruned import Pruned
from sparseprune.prune.ranking import Choice
from sparseprune.prune.scores import Score
from sparseprune.prune.task import Task
from sparseprune.prune.unread import without_dead


def prune(score: Score, parameters: Parameters, task: Task) -> Pruned:
    """Masks that keep the largest scores among the allowed layers' weights (section 2.2).

    The budget is ``int((1 - target) * dense)`` of the unit, less what the other layers, biases and
    BatchNorm use of it. What has no effect any more is removed too (step 3), and more weights are
    kept in its place (step 4): as many as the budget allows. Equal scores are kept from the first
    layer, first entry on. Weights that are zero already stay pruned, so masks only shrink from
    step to step.

    With blocks, a block's score is the mean over its weights that are left. With N:M, what the
    pattern does not allow goes, whatever the target; more goes where the target asks for it.

    Raises:
        InputError: the unit is "channels", or what may not be pruned uses up the budget.
    """
    if task.unit == "channels":
        raise InputError(
            "the method removes single weights: expected the unit params, weights or flops, got "
            "channels; take FT to remove channels"
        )
    room = _budget(task, spent=_spent(parameters, task))
    choice = Choice(parameters, score(parameters, task), task)

    def attempt(budget: int) -> tuple[Masks, int]:
        masks = without_dead(parameters, task.graph, choice.masks(budget), task.allowed)
        left: int = getattr(count(masked(parameters, masks), task.graph), task.unit)
        return masks, left

    return Pruned(_fullest(attempt, room, choice.cost, _total(task)))


def _fullest(attempt: Callable[[int], tuple[Masks, int]], low: int, high: int, total: int) -> Masks:
    """The masks that leave the most, at most ``total``: ``low`` does, ``high`` may be too much."""
    best, left = attempt(low)
    while left < total and high - low > 1:
        middle = (low + high) // 2
        masks, now = attempt(middle)
        if now <= total:
            low, best, left = middle, masks, now
        else:
            high = middle
    return best


def _spent(parameters: Parameters, task: Task) -> int:
    """What the allowed layers' weights cost now."""
    flops = task.unit == "flops"
    return sum(
        int(weight.count_nonzero()) * (layer.positions if flops else 1)
        for layer, weight in task.weights(parameters)
    )


def _total(task: Task) -> int:
    """What may be left of the unit.

    The share kept is computed exactly from the decimals given: in floating point 1 - 0.9 is less
    than 0.1, and int(0.09999999999999998 * 1000) is 99.
    """
    dense: int = getattr(task.dense, task.unit)
    return int((1 - Fraction(str(task.target))) * dense)


def _budget(task: Task, spent: int) -> int:
    """What the allowed weights, which now cost ``spent``, may cost afterwards."""
    dense: int = getattr(task.dense, task.unit)
    total = _total(task)
    fixed: int = getattr(task.now, task.unit) - spent
    if total <= fixed:
        highest = 1 - (fixed + 1) / dense
        raise InputError(
            f"target {task.unit} {task.target}: expected room for some weights, got a budget of "
            f"{total} of {dense}, while {fixed} belong to layers, biases and norms that are not "
            f"pruned; give a target below {highest:.4f} or let more layers be pruned"
        )
    return total - fixed
