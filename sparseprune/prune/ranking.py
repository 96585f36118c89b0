"""Weights, or blocks of them, in falling order of worth, with what the first of them cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import torch

from sparseprune.formats.mask import Masks
from sparseprune.prune.accounting import Parameters
from sparseprune.prune.patterns import SINGLE, Blocks, NofM
from sparseprune.prune.scores import Scores
from sparseprune.prune.task import Task


class Ranking:
    """Units that may be kept, best first; the first of equals is the better one."""

    def __init__(self, worth: torch.Tensor, costs: torch.Tensor) -> None:
        """Rank units of ``worth`` [n] and ``costs`` int64 [n]; those of no cost are never kept."""
        order = worth.argsort(descending=True, stable=True)
        self._paid = costs[order].cumsum(0)
        # Places and not their order are held: comparing them takes a hundredth of writing flags
        # all over a tensor, and budgets are tried some twenty times.
        self._place = torch.empty_like(order)
        self._place[order] = torch.arange(len(order), device=order.device)
        self._place.masked_fill_(costs == 0, len(order))

    def kept(self, budget: int) -> torch.Tensor:
        """Units taken one after the other until the next would cost more than is left, bool [n]."""
        return self._place < int(torch.searchsorted(self._paid, budget, right=True))


@dataclass(frozen=True)
class _Units:
    """The blocks of one layer.

    Attributes:
        name: of the weight.
        live: which weights are neither zero nor against the pattern, of its shape.
        worth: mean score of a block's live weights.
        costs: int64, of its live weights together.
        whole: what the layer cost when it was dense.
    """

    name: str
    live: torch.Tensor
    worth: torch.Tensor
    costs: torch.Tensor
    whole: int


class Choice:
    """What may be kept of the allowed layers, ranked over the whole network or layer by layer."""

    def __init__(self, parameters: Parameters, scores: Scores, task: Task) -> None:
        self._blocks = task.pattern if isinstance(task.pattern, Blocks) else SINGLE
        self._layers = list(_units(parameters, scores, task, self._blocks))
        together = [self._layers] if task.allocation == "global" else [[x] for x in self._layers]
        self._rankings = [
            Ranking(
                torch.cat([units.worth.flatten() for units in pool]),
                torch.cat([units.costs.flatten() for units in pool]),
            )
            for pool in together
        ]
        wholes = [sum(units.whole for units in pool) for pool in together]
        self._shares = [Fraction(whole, sum(wholes)) for whole in wholes]
        self.cost = sum(int(units.costs.sum()) for units in self._layers)

    def masks(self, budget: int) -> Masks:
        """The best that ``budget`` pays for; each layer has its share of it when ranked alone."""
        kept = [
            ranking.kept(int(share * budget))
            for ranking, share in zip(self._rankings, self._shares, strict=True)
        ]
        blocks = torch.split(torch.cat(kept), [units.worth.numel() for units in self._layers])
        return {
            units.name: (
                self._blocks.spread(part.reshape(units.worth.shape), units.live.shape) & units.live
            ).cpu()
            for units, part in zip(self._layers, blocks, strict=True)
        }


def _units(parameters: Parameters, scores: Scores, task: Task, blocks: Blocks) -> Iterator[_Units]:
    for layer, weight in task.weights(parameters):
        live = weight != 0
        score = scores[layer.name]
        if isinstance(task.pattern, NofM):
            live &= task.pattern.eligible(score.masked_fill(~live, -1))
        price = layer.positions if task.unit == "flops" else 1
        members = blocks.pool(live.long())
        total = blocks.pool(score.masked_fill(~live, 0))
        yield _Units(
            f"{layer.name}.weight",
            live,
            worth=total / members.clamp(min=1),
            costs=members * price,
            whole=weight.numel() * price,
        )
