"""Channel numbers carried through a network: every layer axis gets the numbers of its channels."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from torch import fx, nn

from sparseprune.graph.channels import Channels, Ids
from sparseprune.graph.operations import MIXERS
from sparseprune.graph.steps import Step

# "out": filters of a Conv2d or Linear; "in": the channels it reads; "through": channels of a
# BatchNorm or depthwise convolution.
Side = Literal["in", "out", "through"]
Axes = dict[tuple[str, Side], Ids]

OUTPUT = "produces the network's output"


class Flow:
    """One walk over the steps; layers named in ``last`` make the network's output.

    Attributes:
        channels: ties and refusals.
        axes: for every layer axis, in the order the network first reads it, its channel numbers.
    """

    def __init__(
        self, steps: Sequence[Step], modules: dict[str, nn.Module], last: Sequence[str]
    ) -> None:
        self.channels = Channels()
        self.axes: Axes = {}
        self._modules = modules
        self._last = last
        self._ids: dict[fx.Node, Ids] = {}
        for step in steps:
            self._ids[step.node] = self._walk(step)

    def ids(self, step: Step) -> Ids:
        """Channel numbers of a step's output; for the output step, of all tensors returned."""
        return self._ids[step.node]

    def refuse(self, layer: str, reason: str) -> None:
        """Keep all channels of ``layer`` (nothing to do for a module without channels)."""
        for side, size in _sizes(self._modules.get(layer)).items():
            self.channels.refuse(self._axis(layer, side, size), reason)

    def _walk(self, step: Step) -> Ids:
        """Channel numbers of the step's output."""
        sources = [self._ids[node] for node in step.inputs]
        if step.kind in ("shape", "output"):
            # A size read from a tensor stands for its channels: arithmetic on it may use them.
            return _joined(sources)
        if step.kind == "unknown":
            return self._unknown(step, _joined(sources))
        if step.kind == "input":
            return self._fresh(step, "carries the network's input")
        if step.kind in ("conv", "linear"):
            return self._filters(step, sources[0])
        if step.kind in ("norm", "depthwise"):
            return self._through(step, sources[0])
        if step.kind in ("add", "mul"):
            self.channels.tie(sources[0], sources[1])
            return sources[0]
        if step.kind == "cat":
            return _joined(sources)
        if step.kind == "flatten":
            return np.repeat(sources[0], step.channels // len(sources[0]))
        return sources[0]

    def _fresh(self, step: Step, reason: str) -> Ids:
        """New channels, refused."""
        ids = self.channels.fresh(step.channels)
        self.channels.refuse(ids, reason)
        return ids

    def _unknown(self, step: Step, touched: Ids) -> Ids:
        effect = MIXERS.get(step.operation, "whose effect on channels is not known")
        reason = f"passes {step.reason}, {effect}"
        self.channels.refuse(touched, reason)
        if step.node.op == "get_attr":
            self.refuse(str(step.node.target).rpartition(".")[0], reason)
        return self._fresh(step, reason) if step.shape else touched

    def _filters(self, step: Step, source: Ids) -> Ids:
        inputs = self._axis(step.layer, "in", step.across or len(source))
        if step.across:
            reason = f"layer {step.layer!r} reads along another axis than its channels"
            self.channels.refuse(source, reason)
            self.channels.refuse(inputs, reason)
        else:
            self.channels.tie(inputs, source)
        outputs = self._axis(step.layer, "out", step.channels)
        if step.layer in self._last:
            self.channels.refuse(outputs, OUTPUT)
        module = self._modules[step.layer]
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            reason = f"layer {step.layer!r} is a grouped convolution ({module.groups} groups)"
            self.channels.refuse(inputs, reason)
            self.channels.refuse(outputs, reason)
        return outputs

    def _through(self, step: Step, source: Ids) -> Ids:
        """BatchNorm, or a depthwise convolution with one or more outputs per input."""
        channels = self._axis(step.layer, "through", step.channels)
        self.channels.tie(channels, np.repeat(source, step.channels // len(source)))
        return channels

    def _axis(self, layer: str, side: Side, size: int) -> Ids:
        """The numbers of a layer axis: the same ones at every call of the layer."""
        if (layer, side) not in self.axes:
            self.axes[layer, side] = self.channels.fresh(size)
        return self.axes[layer, side]


def _joined(sources: Sequence[Ids]) -> Ids:
    return np.concatenate(sources) if sources else np.empty(0, dtype=np.int64)


def _sizes(module: nn.Module | None) -> dict[Side, int]:
    """Channels along each axis of a layer."""
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return {"through": module.num_features}
    if isinstance(module, nn.Linear):
        return {"in": module.in_features, "out": module.out_features}
    if isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels:
        return {"through": module.out_channels}
    if isinstance(module, nn.Conv2d):
        return {"in": module.in_channels, "out": module.out_channels}
    return {}
