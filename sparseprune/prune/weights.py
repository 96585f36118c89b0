"""WT: keep the weights of largest magnitude, one threshold for the whole network."""

from fractions import Fraction

import torch

from sparseprune.errors import InputError
from sparseprune.formats.mask import Masks
from sparseprune.prune.accounting import Parameters
from sparseprune.prune.task import Task


def prune(parameters: Parameters, task: Task) -> Masks:
    """Masks that keep the largest magnitudes among the allowed layers' weights (section 2.2).

    The budget is exact: ``int((1 - target) * dense)`` of the unit, less what the other layers,
    biases and BatchNorm use of it. Equal magnitudes are kept from the first layer, first entry on.
    Weights that are zero already stay pruned, so masks only shrink from step to step.

    The study goes on to zero parameters whose gradient has vanished (section 2.2, step 3) and
    corrects the budget for them. That is left out here: what remains of a filter without weights
    is its bias and BatchNorm, a thousandth of the parameters, and counts stay exact.

    Raises:
        InputError: the unit is "channels", or what may not be pruned uses up the budget.
    """
    if task.unit == "channels":
        raise InputError(
            "WT removes single weights: expected the unit params, weights or flops, got channels; "
            "take FT to remove channels"
        )
    layers = [layer for layer in task.graph.layers if layer.name in task.allowed]
    weights = [parameters[f"{layer.name}.weight"].detach() for layer in layers]
    scores = torch.cat([weight.abs().flatten() for weight in weights])
    costs = torch.cat(
        [
            torch.full((weight.numel(),), layer.positions if task.unit == "flops" else 1)
            for weight, layer in zip(weights, layers, strict=True)
        ]
    ).to(scores.device)
    budget = _budget(task, spent=int(costs[scores != 0].sum()))
    kept = largest(scores, costs, budget).cpu()
    parts = torch.split(kept, [weight.numel() for weight in weights])
    return {
        f"{layer.name}.weight": part.reshape(weight.shape).clone()
        for layer, weight, part in zip(layers, weights, parts, strict=True)
    }


def largest(scores: torch.Tensor, costs: torch.Tensor, budget: int) -> torch.Tensor:
    """Which entries to keep: the largest non-zero scores, as many as ``budget`` pays for.

    Entries are taken in falling order of score (the first of equals first) up to the one whose
    cost no longer fits; none after it is taken, so kept scores are never below dropped ones.

    Args:
        scores: [n], at least 0.
        costs: int64 [n], positive.
        budget: what the kept entries may cost together.

    Returns:
        bool [n].
    """
    order = scores.argsort(descending=True, stable=True)
    order = order[: int(scores.count_nonzero())]
    paid = order[costs[order].cumsum(0) <= budget]
    kept = torch.zeros_like(scores, dtype=torch.bool)
    kept[paid] = True
    return kept


def _budget(task: Task, spent: int) -> int:
    """What the allowed weights, which now cost ``spent``, may cost afterwards.

    The share kept is computed exactly from the decimals given: in floating point 1 - 0.9 is less
    than 0.1, and int(0.09999999999999998 * 1000) is 99.
    """
    dense: int = getattr(task.dense, task.unit)
    total = int((1 - Fraction(str(task.target))) * dense)
    fixed: int = getattr(task.now, task.unit) - spent
    if total <= fixed:
        highest = 1 - (fixed + 1) / dense
        raise InputError(
            f"target {task.unit} {task.target}: expected room for some weights, got a budget of "
            f"{total} of {dense}, while {fixed} belong to layers, biases and norms that are not "
            f"pruned; give a target below {highest:.4f} or let more layers be pruned"
        )
    return total - fixed
