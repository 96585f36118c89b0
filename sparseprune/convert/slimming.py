"""Slimming: channels that are exactly zero leave the tensors; what the network computes stays."""

import copy
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from sparseprune.convert.zeros import by_weights
from sparseprune.errors import InputError
from sparseprune.formats import mask
from sparseprune.graph import ExampleInputs, Group, NetworkGraph, trace
from sparseprune.graph.flow import Side
from sparseprune.graph.zeros import propagate, read
from sparseprune.models import resize

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Slimmed:
    """A smaller network and the record of how it came to be.

    ``record``: ``coupling`` (as given), ``rule``, ``round_to``, ``removed`` (channels, each tied
    group counted once; 0 when nothing could leave), ``channels`` {layer: [before, after]} (outputs
    of every convolution and linear layer) and ``params`` [before, after].
    """

    model: nn.Module
    record: dict[str, Any]


def slim(
    model: nn.Module,
    example_inputs: ExampleInputs,
    *,
    round_to: int = 1,
    masks: mask.Masks | None = None,
    coupling: str = "group",
) -> Slimmed:
    """Remove channels that are zero for every input; ``model`` is left as it was.

    A channel leaves when, with all layers tied to it, it is exactly zero at every layer that reads
    it: where one tied layer keeps a channel all do (the union of kept channels). Answers stay equal
    up to the order of float additions; ``bounds.difference`` says how far.

    Args:
        model: trained network with zeros in place of what was pruned.
        example_inputs: what ``graph.trace`` needs.
        round_to: channel counts are rounded up to a multiple, by keeping zero channels, as far as
            the group has them; no group becomes empty.
        masks: zeros to apply first, if the model does not hold them.
        coupling: how the channels were chosen; passed through to the record.

    Raises:
        InputError: ``round_to`` is not positive, the model cannot be traced, or masks do not fit.
    """
    if round_to < 1:
        raise InputError(f"round_to: expected a whole number from 1, got {round_to}")
    graph = trace(model, example_inputs)
    slimmed = copy.deepcopy(model)
    if masks is not None:
        mask.apply(slimmed, masks)
    modules = dict(slimmed.named_modules())
    before = _outputs(graph, modules), _parameters(slimmed)
    kept = _kept(graph, modules, round_to)
    resize.fit(slimmed, _sliced(slimmed, _axes(graph.groups, kept)))
    after = _outputs(graph, modules), _parameters(slimmed)
    record = {
        "coupling": coupling,
        "rule": "union of kept channels",
        "round_to": round_to,
        "removed": sum(g.size - len(k) for g, k in zip(graph.groups, kept, strict=True)),
        "channels": {layer: [before[0][layer], after[0][layer]] for layer in before[0]},
        "params": [before[1], after[1]],
    }
    return Slimmed(slimmed, record)


def _kept(graph: NetworkGraph, modules: Mapping[str, nn.Module], round_to: int) -> list[Positions]:
    """For every group, the channels that stay, in order."""
    zeros = propagate(graph.steps, by_weights(modules))
    seen: dict[str, npt.NDArray[np.bool_]] = {}
    for step in graph.steps:
        if step.kind in ("conv", "linear"):
            before = seen.get(step.layer, True)
            seen[step.layer] = read(step, zeros[step.inputs[0]]) & before
    return [_stay(group, seen, round_to) for group in graph.groups]


def _stay(group: Group, seen: Mapping[str, npt.NDArray[np.bool_]], round_to: int) -> Positions:
    """Live channels, and as many zero ones as rounding asks for."""
    if not group.prunable or not group.consumers:
        return np.arange(group.size)
    dead = np.ones(group.size, dtype=bool)
    for member in group.consumers:
        read = seen[member.layer][member.span(group.size)]
        dead &= read.reshape(group.size, member.repeat).all(1)
    live = max(1, int((~dead).sum()))
    count = min(group.size, -(-live // round_to) * round_to)
    return np.sort(np.argsort(dead, kind="stable")[:count])


def _axes(groups: Sequence[Group], kept: Sequence[Positions]) -> dict[tuple[str, Side], Positions]:
    """Kept positions of every layer axis, in order."""
    parts: dict[tuple[str, Side], list[Positions]] = defaultdict(list)
    for group, channels in zip(groups, kept, strict=True):
        sides: tuple[tuple[Side, Any], ...] = (
            ("out", group.producers),
            ("through", group.followers),
            ("in", group.consumers),
        )
        for side, members in sides:
            for member in members:
                parts[member.layer, side].append(member.positions(channels))
    return {axis: np.sort(np.concatenate(positions)) for axis, positions in parts.items()}


def _sliced(
    model: nn.Module, axes: Mapping[tuple[str, Side], Positions]
) -> dict[str, torch.Tensor]:
    """The state dict without the channels that leave."""
    first = {module: name for name, module in model.named_modules()}
    state: dict[str, torch.Tensor] = dict(model.state_dict())
    for alias, module in model.named_modules(remove_duplicate=False):
        for key in module.state_dict() if isinstance(module, resize.SIZED) else ():
            name = f"{alias}.{key}" if alias else key
            for axis, side in _sides(state[name]):
                positions = axes.get((first[module], side))
                if positions is not None and len(positions) < state[name].shape[axis]:
                    index = torch.from_numpy(positions).to(state[name].device)
                    state[name] = state[name].index_select(axis, index)
    return state


def _sides(tensor: torch.Tensor) -> tuple[tuple[int, Side], ...]:
    """Which layer axes the tensor's dimensions are; a layer has "out" or "through", never both."""
    sides: tuple[tuple[int, Side], ...] = ((0, "out"), (0, "through"), (1, "in"))
    return tuple((axis, side) for axis, side in sides if axis < tensor.dim())


def _outputs(graph: NetworkGraph, modules: Mapping[str, nn.Module]) -> dict[str, int]:
    """Output channels of every convolution and linear layer, in the order they run."""
    found = {}
    for step in graph.steps:
        if step.kind in ("conv", "depthwise", "linear"):
            weight = modules[step.layer].weight
            assert isinstance(weight, torch.Tensor)
            found[step.layer] = len(weight)
    return found


def _parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
