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

# Of a number's bits, sign, exponent and first of the fraction, as many as an int16 holds.
_FIRST = 16


class Ranking:
    """Units that may be kept, best first; the first of equals is the better one.

    Sorting all of a large network's weights takes longer than all else here. They are only put
    into groups of nearly equal worth; a budget ends in one of them, and that one is sorted.
    """

    def __init__(self, worth: torch.Tensor, costs: torch.Tensor) -> None:
        """Rank units of ``worth`` [n] >= 0 and ``costs`` int64 [n]; none of no cost is kept."""
        self._worth, self._costs = worth, costs
        wide = worth.element_size() * 8
        # Numbers that are not negative compare as their bits do.
        bits = worth.view(torch.int64 if wide == 64 else torch.int32)
        groups = (bits >> (wide - _FIRST)).clamp_(min=0)
        paid = groups.new_zeros(1 << (_FIRST - 1), dtype=torch.int64).index_add_(0, groups, costs)
        # By group: what it costs to keep it and all that are worth more.
        self._paid = paid.flip(0).cumsum(0).flip(0)
        self._group = groups.to(torch.int16).masked_fill_(costs == 0, -1)
        self._sorted: dict[int, torch.Tensor] = {}

    def kept(self, budget: int) -> torch.Tensor:
        """Units taken one after the other until the next would cost more than is left, bool [n]."""
        # The first group from above that is not paid for as a whole; -1 where all are.
        partly = int((self._paid > budget).sum()) - 1
        kept = self._group > partly
        if partly >= 0:
            left = budget - int(self._paid[partly + 1 :][:1].sum())
            members = self._members(partly)
            paid = self._costs[members].cumsum(0)
            kept[members[: int(torch.searchsorted(paid, left, right=True))]] = True
        return kept

    def _members(self, group: int) -> torch.Tensor:
        """The units of a group, best first; budgets that are tried in turn end near each other."""
        if group not in self._sorted:
            members = (self._group == group).nonzero().flatten()
            order = self._worth[members].argsort(descending=True, stable=True)
            self._sorted = {group: members[order]}
        return self._sorted[group]


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
