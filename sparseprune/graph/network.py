"""Tracing: from a module and example inputs to its layers and channel groups."""

import copy
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import fx, nn

from sparseprune.errors import InputError, first_line
from sparseprune.graph.flow import OUTPUT, Flow
from sparseprune.graph.groups import Group, assemble
from sparseprune.graph.steps import Shapes, Step, read
from sparseprune.graph.zeros import propagate
from sparseprune.graph.zeros import read as zero_entries

ExampleInputs = torch.Tensor | tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Layer:
    """A layer whose weights may be pruned: Conv2d with one group, or Linear (study, 1.3).

    Attributes:
        name: path of the module.
        shape: of its weight.
        positions: outputs per filter and picture (H_out * W_out; for a Linear the tokens, 1 on
            vectors), summed over calls, so multiply-accumulates = nonzero weights * positions
            (study, 1.2).
    """

    name: str
    shape: tuple[int, ...]
    positions: int


@dataclass(frozen=True)
class NetworkGraph:
    """What a network does with its channels.

    Attributes:
        groups: every layer axis, shared out among groups; see ``Group``.
        layers: prunable layers in the order they run.
        output_layers: names of the layers that make the network's output.
        steps: the operations in order.
        traced: a copy of the network in eval mode that ``steps`` belong to.
    """

    groups: tuple[Group, ...]
    layers: tuple[Layer, ...]
    output_layers: tuple[str, ...]
    steps: tuple[Step, ...] = field(repr=False)
    traced: fx.GraphModule = field(repr=False)

    @property
    def read_directly(self) -> frozenset[str]:
        """Modules with a tensor that ``forward`` reads itself, as tied autoencoders read weights.

        What the module does with its inputs does not say what such a tensor is worth.
        """
        direct = (str(step.node.target) for step in self.steps if step.node.op == "get_attr")
        return frozenset(target.rpartition(".")[0] for target in direct)

    def group_of(self, layer: str) -> Group:
        """The group of ``layer``'s first output channel.

        Raises:
            InputError: no Conv2d or Linear of that name was called.
        """
        for group in self.groups:
            if any(member.layer == layer for member in group.producers):
                return group
        raise InputError(f"layer {layer!r}: expected a Conv2d or Linear the network calls")


def trace(model: nn.Module, example_inputs: ExampleInputs) -> NetworkGraph:
    """Find layers and channel groups of ``model`` (left unchanged) by running it once in eval mode.

    Operations that are not known, and channels that reach the output, are not errors: their groups
    carry a ``refusal`` that names the place.

    Args:
        model: any module torch.fx can trace.
        example_inputs: one tensor [N, ...] or a tuple of the forward method's tensors.

    Raises:
        InputError: the model cannot be copied or traced, or does not take ``example_inputs``.
    """
    traced, steps = walk(model, example_inputs)
    modules = dict(traced.named_modules())
    last = _output_layers(steps)
    flow = Flow(steps, modules, last)
    _refuse_output(flow, steps)
    for name, layers in _shared_tensors(traced):
        for layer in layers:
            flow.refuse(layer, f"layers {' and '.join(layers)} share the tensor {name!r}")
    _refuse_visible(flow, steps)
    return NetworkGraph(
        groups=assemble(flow.axes, flow.channels),
        layers=_layers(steps, modules),
        output_layers=last,
        steps=steps,
        traced=traced,
    )


def walk(
    model: nn.Module, example_inputs: ExampleInputs, device: torch.device | None = None
) -> tuple[fx.GraphModule, tuple[Step, ...]]:
    """A copy of ``model`` in eval mode as a graph, and its operations in order.

    Args:
        model: any module torch.fx can trace.
        example_inputs: one tensor [N, ...] or a tuple of the forward method's tensors.
        device: where the copy lives and runs once; None is where the model lives.

    Raises:
        InputError: as ``trace``.
    """
    inputs = tensors(example_inputs)
    traced = _symbolic(model)
    if device is not None:
        traced, inputs = traced.to(device), tuple(tensor.to(device) for tensor in inputs)
    _run(traced, inputs)
    return traced, read(traced)


def layers(model: nn.Module, example_inputs: ExampleInputs) -> tuple[Layer, ...]:
    """The prunable layers of ``model`` in the order they run; raises as ``trace`` does."""
    return trace(model, example_inputs).layers


def output_layers(model: nn.Module, example_inputs: ExampleInputs) -> tuple[str, ...]:
    """Names of the layers that make the output of ``model``; raises as ``trace`` does."""
    return trace(model, example_inputs).output_layers


def tensors(example_inputs: ExampleInputs) -> tuple[torch.Tensor, ...]:
    """One tensor as a tuple, a tuple as it is.

    Raises:
        InputError: something else came.
    """
    inputs = example_inputs if isinstance(example_inputs, tuple) else (example_inputs,)
    for given in inputs:
        if not isinstance(given, torch.Tensor):
            raise InputError(
                "example_inputs: expected a tensor or a tuple of tensors, "
                f"got {type(given).__name__}"
            )
    return inputs


def _symbolic(model: nn.Module) -> fx.GraphModule:
    try:
        copied = copy.deepcopy(model).eval()
    except RuntimeError as error:
        raise InputError(
            f"expected a model that can be copied, got: {first_line(error)}; after "
            "torch.nn.utils.prune call torch.nn.utils.prune.remove on every pruned layer"
        ) from error
    try:
        return fx.symbolic_trace(copied)
    except Exception as error:  # forward methods may raise anything
        raise InputError(
            f"expected a model torch.fx can trace, got: {first_line(error)}; "
            "take decisions that depend on values out of its forward method"
        ) from error


def _run(traced: fx.GraphModule, inputs: tuple[torch.Tensor, ...]) -> None:
    try:
        with torch.no_grad():
            # Clones, because the network may work on its input in place.
            Shapes(traced).run(*(tensor.clone() for tensor in inputs))
    except Exception as error:  # forward methods may raise anything
        shapes = ", ".join(str(tuple(x.shape)) for x in inputs)
        raise InputError(
            f"expected example_inputs the model accepts, got shape {shapes}: {first_line(error)}"
        ) from error


def _output_layers(steps: Sequence[Step]) -> tuple[str, ...]:
    """Walk back from the output to the nearest layers with filters.

    Unknown operations are walked through: that may protect a layer too many, never one too few.
    """
    by_node = {step.node: step for step in steps}
    found: set[str] = set()
    waiting = [step.node for step in steps if step.kind == "output"]
    seen = set(waiting)
    while waiting:
        step = by_node[waiting.pop()]
        if step.kind in ("conv", "linear"):
            found.add(step.layer)
            continue
        waiting += [node for node in step.inputs if node not in seen]
        seen.update(step.inputs)
    return tuple(dict.fromkeys(step.layer for step in steps if step.layer in found))


def _refuse_output(flow: Flow, steps: Sequence[Step]) -> None:
    """Channels in the output tensors stay (it may be a pool of the input, with no layer at all)."""
    for step in steps:
        if step.kind == "output":
            flow.channels.refuse(flow.ids(step), OUTPUT)


def _refuse_visible(flow: Flow, steps: Sequence[Step]) -> None:
    """Channels that would not be zero at a consumer although every layer zeroed them."""
    zeros = propagate(steps, lambda step, _: np.ones(step.channels, dtype=bool))
    for step in steps:
        if step.kind in ("conv", "linear"):
            visible = ~zero_entries(step, zeros[step.inputs[0]])
            flow.channels.refuse(
                flow.axes[step.layer, "in"][visible],
                f"reaches layer {step.layer!r} through an activation that does not keep zeros",
            )


def _shared_tensors(model: nn.Module) -> Iterator[tuple[str, list[str]]]:
    """Parameters that belong to several layers: (first name, the layers)."""
    owners: dict[nn.Parameter, list[str]] = defaultdict(list)
    names: dict[nn.Parameter, str] = {}
    for layer, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            owners[parameter].append(layer)
            names.setdefault(parameter, f"{layer}.{name}")
    for parameter, sharing in owners.items():
        if len(sharing) > 1:
            yield names[parameter], sharing


def _check_size(layer: str, module: nn.Module) -> None:
    weight = module.get_parameter("weight") if "weight" in module._parameters else None
    if weight is not None and weight.numel() == 0:
        raise InputError(
            f"layer {layer!r}: expected inputs and outputs, got a weight {list(weight.shape)}; "
            "take the layer out of the network"
        )


def _layers(steps: Sequence[Step], modules: dict[str, nn.Module]) -> tuple[Layer, ...]:
    positions: dict[str, int] = defaultdict(int)
    for step in steps:
        if step.kind in ("conv", "linear"):
            _check_size(step.layer, modules[step.layer])
            # Of pictures [N, C, H, W] the height times the width, of tokens [N, T, C] their number.
            positions[step.layer] += torch.Size(step.shape[1:]).numel() // step.channels
    found = []
    for name, count in positions.items():
        module = modules[name]
        if getattr(module, "groups", 1) == 1:
            assert isinstance(module.weight, torch.Tensor)
            found.append(Layer(name, tuple(module.weight.shape), count))
    return tuple(found)
