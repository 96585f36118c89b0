"""FT: remove the filters of smallest l1 norm, the same fraction in every layer."""

from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import torch

from sparseprune.errors import InputError
from sparseprune.formats.mask import Masks
from sparseprune.graph import Group, Member
from sparseprune.prune.accounting import Parameters, count, masked, ratio
from sparseprune.prune.dead import Flags, spread
from sparseprune.prune.pruned import Pruned
from sparseprune.prune.task import Task


@dataclass(frozen=True)
class Block:
    """Channels of which a fraction goes: the filters of one layer, or of layers that are tied.

    Attributes:
        members: where the channels are along the outputs of each layer.
        order: the channels, largest norm first; of equals, the first first.
    """

    members: tuple[Member, ...]
    order: npt.NDArray[np.int64]

    def kept(self, level: Fraction) -> int:
        """Channels kept when the fraction ``level`` goes: rounded half down, at least one."""
        return max(1, len(self.order) - int(level * len(self.order) + Fraction(1, 2)))


def prune(parameters: Parameters, task: Task) -> Pruned:
    """Masks without the filters of smallest l1 norm, and without all that dies with them.

    Every layer (with ``coupling`` "group": every group of tied layers) loses the same fraction of
    its filters, rounded, and keeps at least one (section 2.6). Of all fractions that filter counts
    tell apart, the one is taken whose achieved ratio, counted after dead structure is gone, is
    nearest to the target. Tied layers share one score, the sum of their norms.

    Raises:
        InputError: no channels may be pruned, the output layer's were asked for, or the target
            cannot be reached.
    """
    _spare_classes(task)
    blocks = _blocks(parameters, task)
    levels = _levels(blocks)

    def masks_at(level: Fraction) -> Masks:
        return spread(parameters, task.graph, _removed(parameters, blocks, level))

    def achieved(level: Fraction) -> float:
        left = count(masked(parameters, masks_at(level)), task.graph)
        return ratio(left, task.dense, task.unit)

    above = bisect_left(levels, task.target, key=achieved)
    if above == len(levels):
        highest = achieved(levels[-1]) if levels else ratio(task.now, task.dense, task.unit)
        raise InputError(
            f"target {task.unit} {task.target}: expected at most {highest:.4f}, where one filter "
            "is left in every layer that may be pruned; lower the target or let more layers be "
            "pruned"
        )
    level = levels[above]
    if above > 0:
        below = achieved(levels[above - 1])
        nearer = task.target - below < achieved(level) - task.target
        if nearer and below > ratio(task.now, task.dense, task.unit):
            level = levels[above - 1]
    return Pruned(_with_zeros(parameters, task, masks_at(level)))


def _spare_classes(task: Task) -> None:
    for layer in task.graph.output_layers:
        if layer in task.allowed:
            raise InputError(
                f"FT removes whole filters: expected {layer!r} to be spared, whose filters are the "
                "outputs themselves; unset prune_output_layer or take WT"
            )


def _blocks(parameters: Parameters, task: Task) -> list[Block]:
    if task.coupling == "independent":
        layers = [layer for layer in task.graph.layers if layer.name in task.allowed]
        found = [_block(parameters, layer.shape[0], (Member(layer.name),)) for layer in layers]
    else:
        found = [
            _block(parameters, group.size, group.producers)
            for group in task.graph.groups
            if group.prunable and all(m.layer in task.allowed for m in group.producers)
        ]
    if not found:
        raise InputError(
            f"FT: expected channels that may be pruned, found none ({_refusals(task)}); take WT, "
            "ignore fewer layers, or set coupling to independent"
        )
    return found


def _block(parameters: Parameters, size: int, members: tuple[Member, ...]) -> Block:
    # In double precision the order of summation cannot change which of two norms is larger,
    # short of ties in the fifteenth digit.
    scores = torch.zeros(size, dtype=torch.float64)
    for member in members:
        weight = parameters[f"{member.layer}.weight"].detach().cpu().double()
        norms = weight.abs().flatten(1).sum(1)[member.span(size)]
        scores += norms.reshape(size, member.repeat).sum(1)
    return Block(members, scores.argsort(descending=True, stable=True).numpy())


def _levels(blocks: list[Block]) -> list[Fraction]:
    """Every fraction at which some block loses one more channel, rising."""
    sizes = {len(block.order) for block in blocks}
    return sorted({Fraction(2 * k + 1, 2 * size) for size in sizes for k in range(size - 1)})


def _removed(parameters: Parameters, blocks: list[Block], level: Fraction) -> dict[str, Flags]:
    """For each layer that loses filters, bool [outputs], True where removed."""
    removed: dict[str, Flags] = {}
    for block in blocks:
        gone = block.order[block.kept(level) :]
        for member in block.members:
            outputs = len(parameters[f"{member.layer}.weight"])
            flags = removed.setdefault(member.layer, np.zeros(outputs, dtype=bool))
            flags[member.positions(gone)] = True
    return removed


def _with_zeros(parameters: Parameters, task: Task, masks: Masks) -> Masks:
    """``masks``, and single weights of the allowed layers that are zero already."""
    complete = dict(masks)
    for layer in sorted(task.allowed):
        name = f"{layer}.weight"
        nonzero = (parameters[name] != 0).cpu()
        kept = nonzero & masks[name] if name in masks else nonzero
        if not kept.all():
            complete[name] = kept
    return complete


def _refusals(task: Task) -> str:
    reasons = dict.fromkeys(_refusal(group, task) for group in task.graph.groups)
    return "; ".join(reason for reason in reasons if reason) or "no layer has channels"


def _refusal(group: Group, task: Task) -> str:
    ignored = [m.layer for m in group.producers if m.layer not in task.allowed]
    if group.prunable and ignored:
        return f"{ignored[0]!r} is ignored"
    return group.refusal
