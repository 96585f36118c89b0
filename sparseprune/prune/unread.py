"""What dies with single weights: filters nobody reads any more, and weights that read zeros.

The study finds them by gradients that are exactly zero on the sensitivity set (section 2.2, step
3). Here they follow from the zeros alone, so no data is needed and nothing dies that other inputs
would use.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import fx

from sparseprune.formats.mask import Masks
from sparseprune.graph import NetworkGraph, Step
from sparseprune.graph.zeros import propagate
from sparseprune.prune.accounting import Entries, Flags, Parameters


def without_dead(
    parameters: Parameters, graph: NetworkGraph, masks: Masks, allowed: frozenset[str]
) -> Masks:
    """``masks`` less the entries that have no effect on the output once they are applied.

    A weight that reads a channel of zeros has none; nor has a filter, its bias, or a BatchNorm
    channel whose output every reader multiplies by zero. Layers that are not ``allowed``, or whose
    tensors ``forward`` reads itself, keep their entries.
    """
    live = Entries.of(parameters).masked(masks)
    kept = _Kept(live, masks)
    allowed -= graph.read_directly
    _drop_readers_of_zeros(live, graph, kept, allowed)
    _drop_unread(live, graph, kept, allowed)
    return {name: mask for name, mask in kept.masks.items() if not mask.numpy().all()}


class _Kept:
    """Masks from which more is dropped; those given are left as they are."""

    def __init__(self, entries: Entries, masks: Masks) -> None:
        self._entries, self._own = entries, set[str]()
        self.masks = {name: mask.cpu() for name, mask in masks.items()}

    def of(self, name: str) -> torch.Tensor:
        """The mask of a parameter, to write to."""
        if name not in self._own:
            self._own.add(name)
            self.masks[name] = (
                self.masks[name].clone()
                if name in self.masks
                else torch.ones_like(self._entries[name])
            )
        return self.masks[name]


def _drop_readers_of_zeros(
    live: Entries, graph: NetworkGraph, kept: _Kept, allowed: frozenset[str]
) -> None:
    """Drop weights whose input channel is zero at every call of their layer, in place."""
    zeros_read: dict[str, Flags] = {}

    def verdict(step: Step, zeros: Flags) -> Flags:
        outputs = step.channels
        if step.kind not in ("conv", "linear") or not _plain(live, step, len(zeros)):
            return np.zeros(outputs, dtype=bool)
        zeros_read[step.layer] = zeros_read.get(step.layer, True) & zeros
        adds = f"{step.layer}.bias" in live and live[f"{step.layer}.bias"].numpy()
        return np.asarray(~(live.links(step.layer)[:, ~zeros].any(1) | adds))

    propagate(graph.steps, verdict)
    for layer, zeros in zeros_read.items():
        if layer in allowed and zeros.any():
            kept.of(f"{layer}.weight")[:, torch.from_numpy(zeros)] = False


def _drop_unread(live: Entries, graph: NetworkGraph, kept: _Kept, allowed: frozenset[str]) -> None:
    """Drop the filters and norm channels whose output nobody reads, in place."""
    # Neither layers that are not allowed nor norms whose scale is read elsewhere.
    prunable = {layer.name for layer in graph.layers} | graph.read_directly
    for layer, read in _reads(live, graph).items():
        if read.all() or (layer in prunable and layer not in allowed):
            continue
        for name in (f"{layer}.weight", f"{layer}.bias"):
            if name in live:
                kept.of(name)[torch.from_numpy(~read)] = False


def _reads(live: Entries, graph: NetworkGraph) -> Mapping[str, Flags]:
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


def _read(live: Entries, step: Step, out: Flags, start: int, size: int) -> Flags:
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


def _plain(live: Entries, step: Step, inputs: int) -> bool:
    """Whether the layer's weight is [channels made, channels read, ...]: no groups."""
    name = f"{step.layer}.weight"
    if name not in live or step.across:
        return False
    return live[name].shape[:2] == (step.channels, inputs)
