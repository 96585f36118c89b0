"""How much may be left, and finding the decision that leaves just that."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from sparseprune.errors import InputError
from sparseprune.prune.accounting import Entries, Parameters, count
from sparseprune.prune.pruned import Pruned
from sparseprune.prune.task import Task
from sparseprune.prune.unread import without_dead


@dataclass(frozen=True)
class Budget:
    """Costs in the task's unit, for methods that remove single weights (section 2.2).

    Attributes:
        total: what may be left of the whole network.
        room: what is left of it for the weights that may be pruned, dead structure not counted.
        spent: what those weights cost now.
    """

    total: int
    room: int
    spent: int

    @classmethod
    def of(cls, parameters: Parameters, task: Task) -> "Budget":
        """The budget of a task.

        The share kept is computed exactly from the decimals given: in floating point 1 - 0.9 is
        less than 0.1, and int(0.09999999999999998 * 1000) is 99.

        Raises:
            InputError: the unit is "channels", or what may not be pruned uses up the budget.
        """
        if task.unit == "channels":
            raise InputError(
                "the method removes single weights: expected the unit params, weights or flops, "
                "got channels; take FT to remove channels"
            )
        dense: int = getattr(task.dense, task.unit)
        total = int((1 - Fraction(str(task.target))) * dense)
        spent = _spent(parameters, task)
        fixed: int = getattr(task.now, task.unit) - spent
        if total <= fixed:
            highest = 1 - (fixed + 1) / dense
            raise InputError(
                f"target {task.unit} {task.target}: expected room for some weights, got a budget "
                f"of {total} of {dense}, while {fixed} belong to layers, biases and norms that are "
                f"not pruned; give a target below {highest:.4f} or let more layers be pruned"
            )
        return cls(total, total - fixed, spent)


def fullest(
    attempt: Callable[[int], Pruned], budget: Budget, parameters: Parameters, task: Task
) -> Pruned:
    """The outcome that leaves the most within the budget, dead structure removed.

    ``attempt(cost)`` says what to keep when the weights may cost so much. What then has no effect
    goes too (section 2.2, step 3), and so more may be kept (step 4).
    """
    entries = Entries.of(parameters)

    def without_effect(cost: int) -> tuple[Pruned, int]:
        chosen = attempt(cost)
        masks = without_dead(entries, task.graph, chosen.masks, task.allowed)
        left: int = getattr(count(entries.masked(masks), task.graph), task.unit)
        return replace(chosen, masks=masks), left

    low, high = budget.room, budget.spent
    best, left = without_effect(low)
    if left > budget.total:
        # What is drawn at random costs about, not at most, what it may: the search starts lower.
        low, high = 0, budget.room
        best, left = without_effect(low)
    near = True
    while left < budget.total and high - low > 1:
        missing = budget.total - left
        # Nearly all that is kept more has an effect, so this is nearly right; where it is not,
        # every other try halves what is left to search.
        near = near and low + missing < high
        middle = low + missing if near else (low + high) // 2
        found, now = without_effect(middle)
        if now <= budget.total:
            near = not near or 2 * (budget.total - now) <= missing
            low, best, left = middle, found, now
        else:
            near = not near
            high = middle
    return best


def _spent(parameters: Parameters, task: Task) -> int:
    flops = task.unit == "flops"
    return sum(
        int(weight.count_nonzero()) * (layer.positions if flops else 1)
        for layer, weight in task.weights(parameters)
    )
