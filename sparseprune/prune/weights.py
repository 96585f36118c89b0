"""Removing single weights, or blocks of them: the largest scores stay, as many as may."""

from sparseprune.prune.accounting import Parameters
from sparseprune.prune.budget import Budget, fullest
from sparseprune.prune.pruned import Pruned
from sparseprune.prune.ranking import Choice
from sparseprune.prune.scores import Score
from sparseprune.prune.task import Task


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
    budget = Budget.of(parameters, task)
    choice = Choice(parameters, score(parameters, task), task)
    return fullest(lambda cost: Pruned(choice.masks(cost)), budget, parameters, task)
