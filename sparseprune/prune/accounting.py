"""What a prune ratio counts: non-zeros of all parameters, of weights, channels, or work."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from sparseprune.formats.mask import Masks
from sparseprune.graph import NetworkGraph

#: Parameter name (as ``named_parameters`` gives it) -> values.
Parameters = Mapping[str, torch.Tensor]

Flags = npt.NDArray[np.bool_]

UNITS = ("params", "weights", "channels", "flops")


@dataclass(frozen=True)
class Counts:
    """What a network has left, in each unit; a ratio compares it with the dense network's.

    Attributes:
        params: non-zero entries of all parameters, BatchNorm and biases included (section 1.1).
        weights: non-zero weights of convolutions without groups and linear layers (section 1.3).
        channels: filters (outputs) of those layers that have a non-zero weight; those of the
            output layer are the classes and do not count.
        flops: multiply-accumulates per input: non-zero weights times output positions
            (section 1.2).
    """

    params: int
    weights: int
    channels: int
    flops: int


class Entries(dict[str, torch.Tensor]):
    """Where parameters are not zero: by name, a bool tensor on the CPU, of the parameter's shape.

    Whoever tries many prune steps on the same parameters makes these once: a quarter of the bytes,
    and what follows from them is remembered. They serve as parameters where only zeros matter.
    """

    def __init__(self, entries: Mapping[str, torch.Tensor]) -> None:
        super().__init__(entries)
        self._links: dict[str, Flags] = {}

    @classmethod
    def of(cls, parameters: Parameters) -> "Entries":
        """The entries of ``parameters``; of entries, themselves."""
        if isinstance(parameters, Entries):
            return parameters
        return cls({name: (value.detach() != 0).cpu() for name, value in parameters.items()})

    def masked(self, masks: Masks) -> "Entries":
        """Those that stay."""
        return Entries(
            {name: e & masks[name].cpu() if name in masks else e for name, e in self.items()}
        )

    def links(self, layer: str) -> Flags:
        """Of a weight [O, I, ...]: whether output o reads input i, bool [O, I]."""
        if layer not in self._links:
            entries = self[f"{layer}.weight"].numpy()
            links = entries.reshape(*entries.shape[:2], -1)
            self._links[layer] = np.asarray(links.any(2))
        return self._links[layer]


def count(parameters: Parameters, graph: NetworkGraph) -> Counts:
    """Counts of the network whose parameters these are."""
    entries = {name: value.numpy() for name, value in Entries.of(parameters).items()}
    nonzero = {name: int(np.count_nonzero(value)) for name, value in entries.items()}
    weights = channels = flops = 0
    for layer in graph.layers:
        name = f"{layer.name}.weight"
        weights += nonzero[name]
        flops += nonzero[name] * layer.positions
        if layer.name not in graph.output_layers:
            channels += int(entries[name].reshape(len(entries[name]), -1).any(1).sum())
    return Counts(sum(nonzero.values()), weights, channels, flops)


def ratio(now: Counts, dense: Counts, unit: str) -> float:
    """Fraction of ``unit`` that is gone since ``dense``: 1 - now / dense; 0 of nothing."""
    left: int = getattr(now, unit)
    whole: int = getattr(dense, unit)
    return 1 - left / whole if whole else 0.0


def ratios(now: Counts, dense: Counts) -> dict[str, float]:
    """Fraction gone since ``dense`` in every unit."""
    return {unit: ratio(now, dense, unit) for unit in UNITS}


def masked(parameters: Parameters, masks: Masks) -> dict[str, torch.Tensor]:
    """``parameters`` with the masked entries zero; those given are unchanged."""
    return {
        name: parameter.detach().masked_fill(~masks[name].to(parameter.device), 0.0)
        if name in masks
        else parameter.detach()
        for name, parameter in parameters.items()
    }
