"""What a single weight is worth to a network: one number for each, the larger the longer kept."""

from collections.abc import Callable

import torch

from sparseprune.prune import sensitivity
from sparseprune.prune.accounting import Parameters
from sparseprune.prune.observe import Evidence
from sparseprune.prune.task import Task

#: By layer name: a tensor of the weight's shape, at least 0 everywhere.
Scores = dict[str, torch.Tensor]
Score = Callable[[Parameters, Task], Scores]


def magnitude(parameters: Parameters, task: Task) -> Scores:
    """WT: ``|W|``."""
    return {layer.name: weight.abs() for layer, weight in task.weights(parameters)}


def lamp(parameters: Parameters, task: Task) -> Scores:
    """LAMP (Lee et al., ICLR 2021): ``W_u^2 / sum of W_v^2 over |W_v| >= |W_u|`` of the layer.

    A global threshold on it keeps at least the largest weight of every layer.
    """
    return {layer.name: _lamp(weight) for layer, weight in task.weights(parameters)}


def random(parameters: Parameters, task: Task) -> Scores:
    """Random pruning, the control: uniform numbers, the same for the same seed."""
    generator = torch.Generator().manual_seed(task.seed)
    return {
        # Not 0, which means that an entry is pruned already.
        layer.name: 1 - torch.rand(weight.shape, generator=generator).to(weight.device)
        for layer, weight in task.weights(parameters)
    }


def snip(parameters: Parameters, task: Task) -> Scores:
    """SNIP (Lee et al., ICLR 2019): ``|mean over batches of dL/dW * W|`` (section 2.7)."""
    sums = _over_batches(task, lambda gradient, weight: gradient * weight)
    return {name: total.abs() for name, total in sums.items()}


def taylor(parameters: Parameters, task: Task) -> Scores:
    """First-order Taylor (Molchanov et al., CVPR 2019): mean over batches of ``(dL/dW * W)^2``."""
    return _over_batches(task, lambda gradient, weight: (gradient * weight).square())


def sipp(parameters: Parameters, task: Task) -> Scores:
    """Deterministic SiPP: largest mean relative contribution over the sensitivity set (2.4)."""
    return sensitivity.sensitivities(task.evidence_or_raise(), task.layers, sensitivity.mean)


def _lamp(weight: torch.Tensor) -> torch.Tensor:
    squares = weight.flatten().double().square()
    ordered, order = squares.sort(descending=True, stable=True)
    scores = torch.empty_like(squares)
    # Where nothing but zeros is left the total is 0, and so is the score.
    scores[order] = ordered / ordered.cumsum(0).clamp(min=torch.finfo(torch.float64).tiny)
    return scores.reshape(weight.shape)


def _over_batches(
    task: Task, combine: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> Scores:
    evidence: Evidence = task.evidence_or_raise()
    totals: Scores = {}
    batches = 0
    for gradients in evidence.gradients(task.layers):
        batches += 1
        for name, gradient in gradients.items():
            weight = evidence.network.get_parameter(f"{name}.weight").detach()
            part = combine(gradient, weight).double()
            totals[name] = totals[name] + part if name in totals else part
    return {name: total / batches for name, total in totals.items()}
