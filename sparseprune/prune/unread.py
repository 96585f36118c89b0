"""What dies with single weights: filters nobody reads any more, and weights that read zeros.

The study finds them by gradients that are exactly zero on the sensitivity set (section 2.2, step
3). Here they follow from the zeros alone, so no data is needed and nothing dies that other inputs
would use.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import fx

from sparseprune.formats.mask import Masks
from sparseprune.graph import NetworkGraph, Step
from sparseprune.graph.zeros import propagate
from sparseprune.prune.accounting import Parameters

Flags = npt.NDArray[np.bool_]


def without_dead(
    parameters: Parameters, graph: NetworkGraph, masks: Masks, allowed: frozenset[str]
) -> Masks:
    """``masks`` less the entries that have no effect on the output once they are applied.

    A weight that reads a channel of zeros has none; nor has a filter, its bias, or a BatchNorm
    channel whose output every reader multiplies by zero. Layers that are not ``allowed`` keep
    their entries.
    """
    kept = {
        name: masks[name] if name in masks else torch.ones_like(value, dtype=torch.bool).cpu()
        for name, value in parameters.items()
    }
    live = _Live(parameters, masks)
    _drop_readers_of_zeros(live, graph, kept, allowed)
    _drop_unread(live, graph, kept, allowed)
    return {name: mask for name, mask in kept.items() if not mask.all()}


class _Live:
    """Where a layer's parameters are not zero, and stay."""

    def __init__(self, parameters: Parameters, masks: Masks) -> None:
        self._parameters, self._masks = parameters, masks

    def __contains__(self, name: str) -> bool:
        return name in self._parameters

    def entries(self, name: str) -> torch.Tensor:
        nonzero = (self._parameters[name].detach() != 0).cpu()
        return nonzero & self._masks[name] if name in self._masks else nonzero

    def links(self, layer: str) -> Flags:
        """Of a weight [O, I, ...]: whether output o reads input i, bool [O, I]."""
        entries = self.entries(f"{layer}.weight")
        links: Flags = (entries.flatten(2).any(2) if entries.ndim > 2 else entries).numpy()
        return links


def _drop_readers_of_zeros(
    live: _Live, graph: NetworkGraph, kept: Masks, allowed: frozenset[str]
) -> None:
    """Drop weights whose input channel is zero at every call of their layer, in place."""
    zeros_read: dict[str, Flags] = {}

    def verdict(step: Step, zeros: Flags) -> Flags:
        outputs = step.channels
        if step.kind not in ("conv", "linear") or not _plain(live, step, len(zeros)):
            return np.zeros(outputs, dtype=bool)
        zeros_read[step.layer] = zeros_read.get(step.layer, True) & zeros
        adds = f"{step.layer}.bias" in live and live.entries(f"{step.layer}.bias").numpy()
        return np.asarray(~(live.links(step.layer)[:, ~zeros].any(1) | adds))

    propagate(graph.steps, verdict)
    for layer, zeros in zeros_read.items():
        if layer in allowed and zeros.any():
            kept[f"{layer}.weight"] = kept[f"{layer}.weight"].clone()
            kept[f"{layer}.weight"][:, torch.from_numpy(zeros)] = False


def _drop_unread(live: _Live, graph: NetworkGraph, kept: Masks, allowed: frozenset[str]) -> None:
    """Drop the filters and norm channels whose output nobody reads, in place."""
    prunable = {layer.name for layer in graph.layers}
    for layer, read in _reads(live, graph).items():
        if read.all() or (layer in prunable and layer not in allowed):
            continue
        for name in (f"{layer}.weight", f"{layer}.bias"):
            if name in live:
                kept[name] = kept[name].clone()
                kept[name][torch.from_numpy(~read)] = False


def _reads(live: _Live, graph: NetworkGraph) -> Mapping[str, Flags]:
    """For each layer with parameters, which of its output channels are read at some call."""
    wanted: dict[fx.Node, Flags] = {}
    by_layer: dict[str, Flags] = {}
    sizes = {step.node: step.channels for step in graph.steps}
    for step in reversed(graph.steps):
        channels = step.channels
        out = wanted.get(step.node, np.zeros(channels, dtype=bool))
        if step.layer:
            by_layer[step.layer] = by_layer.get(step.layer, False) | out
        start = 0
        for node in step.inputs:
            size = sizes[node]
            read = _read(live, step, out, start, size)
            wanted[node] = wanted.get(node, False) | read
            start += size
    return by_layer


def _read(live: _Live, step: Step, out: Flags, start: int, size: int) -> Flags:
    """Which of an input's ``size`` channels a step reads for the outputs ``out`` that are read.

    ``start`` is where the input begins in a concatenation. What is not understood is read.
    """
    everything = np.ones(size, dtype=bool)
    if step.kind in ("conv", "linear"):
        return np.any(live.links(step.layer)[out], 0) if _plain(live, step, size) else everything
    if step.kind == "cat":
        return out[start : start + size]
    if step.kind in ("flatten", "depthwise") and size and len(out) % size == 0:
        return np.asarray(out.reshape(size, -1).any(1))
    if step.kind in ("norm", "activation", "pool", "add", "mul", "scale", "pass"):
        return out if len(out) == size else everything
    return everything


def _plain(live: _Live, step: Step, inputs: int) -> bool:
    """Whether the layer's weight is [channels made, channels read, ...]: no groups."""
    name = f"{step.layer}.weight"
    if name not in live or step.across:
        return False
    return live.entries(name).shape[:2] == (step.channels, inputs)
