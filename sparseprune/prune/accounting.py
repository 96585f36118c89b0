"""What a prune ratio counts: non-zeros of all parameters, of weights, channels, or work."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from sparseprune.formats.mask import Masks
from sparseprune.graph import NetworkGraph

#: Parameter name (as ``named_parameters`` gives it) -> values.
Parameters = Mapping[str, torch.Tensor]

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


def count(parameters: Parameters, graph: NetworkGraph) -> Counts:
    """Counts of the network whose parameters these are."""
    weights = channels = flops = 0
    for layer in graph.layers:
        weight = parameters[f"{layer.name}.weight"]
        nonzero = int(weight.count_nonzero())
        weights += nonzero
        flops += nonzero * layer.positions
        if layer.name not in graph.output_layers:
            channels += int((weight != 0).flatten(1).any(1).sum())
    params = sum(int(parameter.count_nonzero()) for parameter in parameters.values())
    return Counts(params, weights, channels, flops)


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
