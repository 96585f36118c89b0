"""What dies with a filter: its bias, the norm behind it, and what others read of it."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import torch

from sparseprune.formats.mask import Masks
from sparseprune.graph import NetworkGraph, Step
from sparseprune.graph.zeros import propagate
from sparseprune.prune.accounting import Entries, Flags, Parameters


def spread(parameters: Parameters, graph: NetworkGraph, removed: Mapping[str, Flags]) -> Masks:
    """Masks of the removed filters and of everything that then has no effect, or dies with them.

    A removed filter loses its weights and bias, so its channel is exactly zero. Where a channel
    is zero, BatchNorm's scale and shift and depthwise filters die, and so do the weights that read
    it: they multiply exact zeros. A sum is zero only where all its terms are. The masked network
    thus has the non-zeros of the slimmed one.

    Args:
        parameters: of the network.
        graph: of the network.
        removed: for each pruned layer, bool [outputs].
    """
    walk = _Walk(Entries.of(parameters), graph, removed)
    propagate(graph.steps, walk.verdict)
    return walk.masks()


class _Walk:
    """Follows zeros through the layers; notes which inputs of a layer are zero at every call."""

    def __init__(self, entries: Entries, graph: NetworkGraph, removed: Mapping[str, Flags]) -> None:
        self._entries = entries
        self._removed = removed
        self._calls = Counter(step.layer for step in graph.steps)
        self._plain = {layer.name for layer in graph.layers}
        self._direct = graph.read_directly
        self._read: dict[str, Flags] = {}
        self._passed: dict[str, Flags] = {}

    def verdict(self, step: Step, zeros: Flags) -> Flags:
        """Which output channels of a layer are exactly zero, given those of its input."""
        if step.layer in self._plain:
            self._read[step.layer] = self._read.get(step.layer, True) & zeros
            return self._filters(step, zeros)
        affine = f"{step.layer}.weight" in self._entries
        # A norm or depthwise layer of several calls would have to be dead at all of them, which
        # is not known at the first; without scale and shift a norm maps zeros to something else.
        alone = self._calls[step.layer] == 1 and step.layer not in self._direct
        if step.kind in ("norm", "depthwise") and affine and alone:
            self._passed[step.layer] = np.repeat(zeros, step.channels // len(zeros))
            return self._passed[step.layer]
        return np.zeros(step.channels, dtype=bool)

    def masks(self) -> Masks:
        """Masks of every parameter that loses an entry."""
        masks: dict[str, Flags] = {}
        for layer, zeros in self._read.items():
            weight = self._entries[f"{layer}.weight"]
            removed = self._removed.get(layer, np.zeros(len(weight), dtype=bool))
            # Columns of zeros die where nothing but the layer reads them.
            dead = zeros & (layer not in self._direct)
            kept = ~removed[:, None] & ~dead[None, :]
            masks[f"{layer}.weight"] = kept.reshape(*kept.shape, *[1] * (weight.dim() - 2))
            masks[f"{layer}.bias"] = ~removed
        for layer, zeros in self._passed.items():
            rank = self._entries[f"{layer}.weight"].dim()
            masks[f"{layer}.weight"] = ~zeros.reshape(-1, *[1] * (rank - 1))
            masks[f"{layer}.bias"] = ~zeros
        return {
            name: torch.from_numpy(kept).expand(self._entries[name].shape).clone()
            for name, kept in masks.items()
            if name in self._entries and not kept.all()
        }

    def _filters(self, step: Step, zeros: Flags) -> Flags:
        """Zero outputs: removed ones, and those that read only zeros and add no bias."""
        live = np.asarray(self._entries.links(step.layer)[:, ~zeros].any(1))
        bias = self._entries.get(f"{step.layer}.bias")
        if bias is not None:
            live |= bias.numpy()
        return ~live | self._removed.get(step.layer, np.zeros(len(live), dtype=bool))
