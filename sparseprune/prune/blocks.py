"""The channels a filter method may remove: those of one layer, or of layers that are tied."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from sparseprune.errors import InputError
from sparseprune.graph import Group, Member
from sparseprune.prune.accounting import Flags, Parameters
from sparseprune.prune.task import Task

Numbers = npt.NDArray[np.float64]

#: Which channels of a layer a method removes when layers are independent: those it makes (FT), or
#: those it reads (PFP, ThiNet).
Side = Literal["made", "read"]


@dataclass(frozen=True)
class Block:
    """Channels of which some go.

    Attributes:
        size: their number.
        made: where they are along the outputs of the layers that make them; () where a layer only
            stops reading them.
        read: where they are along the inputs of the layers that read them; () where that is
            nobody's concern.
        live: bool [size], False where a channel is gone already.
    """

    size: int
    made: tuple[Member, ...]
    read: tuple[Member, ...]
    live: Flags

    def order(self, scores: Numbers) -> npt.NDArray[np.int64]:
        """The channels, largest score first; of equals the first; those gone already last."""
        return np.lexsort((-scores, ~self.live))

    def pool(self, member: Member, values: Numbers) -> Numbers:
        """``values`` along the axis of a member's layer, as [size, repeat, ...]."""
        part = values[member.span(self.size)]
        return part.reshape(self.size, member.repeat, *part.shape[1:])

    @cached_property
    def readers(self) -> tuple[str, ...]:
        """The layers that read the channels."""
        return tuple(dict.fromkeys(member.layer for member in self.read))


def find(parameters: Parameters, task: Task, side: Side, *, images: bool = True) -> list[Block]:
    """The blocks of a task.

    With ``coupling`` "group", every group of channels tied by sums and concatenations whose makers
    may all be pruned; else the channels of each allowed layer, on the given side.

    Args:
        parameters: of the network.
        task: what is asked for.
        side: of independent layers.
        images: whether independent layers may stop reading channels of the network's input.

    Raises:
        InputError: there are none, or the output layer's filters were asked for.
    """
    if task.coupling == "group" or side == "made":
        _spare_classes(task)
    if task.coupling == "group":
        found = [_tied(parameters, task, group) for group in _groups(task)]
    elif side == "made":
        found = [_making(parameters, layer.name) for layer in task.layers]
    else:
        found = [
            _reading(parameters, task, layer.name)
            for layer in task.layers
            if images or _reads_features(task, layer.name)
        ]
    if not found:
        raise InputError(
            f"expected channels that may be pruned, found none ({_refusals(task)}); take WT, "
            "ignore fewer layers, or set coupling to independent"
        )
    return found


def _spare_classes(task: Task) -> None:
    for layer in task.graph.output_layers:
        if layer in task.allowed:
            raise InputError(
                f"the method removes whole filters: expected {layer!r} to be spared, whose filters "
                "are the outputs themselves; unset prune_output_layer or take WT"
            )


def _groups(task: Task) -> list[Group]:
    return [
        group
        for group in task.graph.groups
        if group.prunable and all(member.layer in task.allowed for member in group.producers)
    ]


def _tied(parameters: Parameters, task: Task, group: Group) -> Block:
    live = np.zeros(group.size, dtype=bool)
    for member in group.producers:
        part = _nonzero(parameters, member.layer)[member.span(group.size)]
        live |= part.reshape(group.size, -1).any(1)
    prunable = {layer.name for layer in task.graph.layers}
    readers = tuple(member for member in group.consumers if member.layer in prunable)
    return Block(group.size, group.producers, readers, live)


def _making(parameters: Parameters, layer: str) -> Block:
    nonzero = _nonzero(parameters, layer)
    return Block(len(nonzero), (Member(layer),), (), np.asarray(nonzero.any(1)))


def _reading(parameters: Parameters, task: Task, layer: str) -> Block:
    """The inputs of ``layer``; of a Linear behind a flattened picture, a channel's all together."""
    nonzero = _nonzero(parameters, layer)
    repeat = gcd(*(m.repeat for group in task.graph.groups for m in _as_reader(group, layer))) or 1
    size = nonzero.shape[1] // repeat
    live = nonzero.any(0).reshape(size, repeat).any(1)
    return Block(size, (), (Member(layer, 0, repeat),), np.asarray(live))


def _reads_features(task: Task, layer: str) -> bool:
    """Whether some layer makes what ``layer`` reads; else it is the network's input."""
    return any(group.producers and _as_reader(group, layer) for group in task.graph.groups)


def _as_reader(group: Group, layer: str) -> list[Member]:
    return [member for member in group.consumers if member.layer == layer]


def _nonzero(parameters: Parameters, layer: str) -> Flags:
    """Whether output o has a weight on input i, bool [O, I]."""
    weight = parameters[f"{layer}.weight"].detach()
    entries = (weight != 0).reshape(*weight.shape[:2], -1).any(2)
    flags: Flags = entries.cpu().numpy()
    return flags


def removed(
    parameters: Parameters, blocks: Sequence[Block], kept: Sequence[Flags]
) -> tuple[dict[str, Flags], dict[str, torch.Tensor]]:
    """What blocks lose, given bool [size] of the channels each keeps.

    Returns:
        For each layer that loses filters, bool [outputs], True where removed; and for each weight
        that only stops reading channels, what it keeps.
    """
    filters: dict[str, Flags] = {}
    columns: dict[str, torch.Tensor] = {}
    for block, stays in zip(blocks, kept, strict=True):
        gone = np.flatnonzero(~stays)
        for member in block.made:
            outputs = len(parameters[f"{member.layer}.weight"])
            flags = filters.setdefault(member.layer, np.zeros(outputs, dtype=bool))
            flags[member.positions(gone)] = True
        if not block.made:
            for member in block.read:
                name = f"{member.layer}.weight"
                mask = torch.ones(parameters[name].shape, dtype=torch.bool)
                mask[:, torch.from_numpy(member.positions(gone))] = False
                columns[name] = mask
    return filters, columns


def _refusals(task: Task) -> str:
    reasons = dict.fromkeys(_refusal(group, task) for group in task.graph.groups)
    return "; ".join(reason for reason in reasons if reason) or "no layer has channels"


def _refusal(group: Group, task: Task) -> str:
    ignored = [m.layer for m in group.producers if m.layer not in task.allowed]
    if group.prunable and ignored:
        return f"{ignored[0]!r} is ignored"
    return group.refusal
