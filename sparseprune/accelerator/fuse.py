"""From a network to one whose layers hold what follows them: BatchNorm, a sum, an activation.

Folding BatchNorm into the weights before it is exact up to one rounding; a sum and an activation
in the layer save a pass over memory each.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, fx, nn

from sparseprune import graph
from sparseprune.accelerator.dense import Dense
from sparseprune.accelerator.gate import Answers, answers
from sparseprune.accelerator.layer import ACTIVATIONS, Layer
from sparseprune.graph.steps import in_place


@dataclass(frozen=True)
class Fused:
    """A network with layers folded.

    Attributes:
        network: its layers are ``Dense`` modules of the names they had.
        layers: by name; not yet rounded where BatchNorm was folded in.
        left: layers that are as they were, by name, and why.
        expected: what the network gave for the example inputs before.
    """

    network: fx.GraphModule
    layers: dict[str, Layer]
    left: dict[str, str]
    expected: Answers


@dataclass(frozen=True)
class _Chain:
    """The nodes that a layer takes over, the last of which gives its result."""

    layer: Layer
    nodes: tuple[fx.Node, ...]
    residual: fx.Node | None = None


def fuse(
    model: nn.Module, example_inputs: graph.ExampleInputs, device: torch.device | None = None
) -> Fused:
    """Fold a copy of ``model`` in eval mode; the model itself stays as it is.

    Args:
        model: any module torch.fx can trace.
        example_inputs: one tensor [N, ...] or a tuple of the forward method's tensors.
        device: where the copy lives; None is where the model lives.

    Raises:
        InputError: the model cannot be copied or traced, or does not take ``example_inputs``.
    """
    network, steps = graph.walk(model, example_inputs, device)
    with torch.no_grad():
        place = [x.to(device) for x in graph.tensors(example_inputs)]
        expected = answers(network, place)
    folding = _Folding(network, steps)
    layers, left = {}, {}
    # Of two layers whose results are added the later one adds: the other's is there by then.
    for step in reversed(steps):
        if step.kind not in ("conv", "depthwise", "linear"):
            continue
        if reason := folding.refusal(step):
            left[step.layer] = reason
            continue
        chain = folding.chain(step)
        layers[step.layer] = chain.layer
        folding.calls_of[chain.nodes[-1]] = _replace(network, chain)
    _reshape(network)
    network.delete_all_unused_submodules()
    network.recompile()
    order = [step.layer for step in steps if step.layer in layers]
    return Fused(network, {name: layers[name] for name in order}, left, expected)


class _Folding:
    """Which steps after a layer are part of it."""

    def __init__(self, network: fx.GraphModule, steps: tuple[graph.Step, ...]) -> None:
        self.modules = dict(network.named_modules())
        self.steps = {step.node: step for step in steps}
        self.places = {step.node: place for place, step in enumerate(steps)}
        self.calls = Counter(str(s.node.target) for s in steps if s.node.op == "call_module")
        self.overwriting = [s.node for s in steps if in_place(s.node, self.modules)]
        # What gives the results of nodes that were folded.
        self.calls_of: dict[fx.Node, fx.Node] = {}
        self.origins: dict[fx.Node, set[fx.Node]] = {}
        for step in steps:
            read = [self.origins[node] for node in step.inputs]
            self.origins[step.node] = {step.node} if step.kind == "input" else set().union(*read)

    def refusal(self, step: graph.Step) -> str:
        """Why a layer stays as it is; empty where it need not."""
        module = self.modules[step.layer]
        if self.calls[step.layer] > 1:
            return "called more than once"
        if isinstance(module, nn.Conv2d):
            if module.padding_mode != "zeros":
                return f"pads with {module.padding_mode!r}, not zeros"
            if module.padding == "same" and any(border % 2 for border in _borders(module)):
                return "padding='same' differs from side to side here"
        return ""

    def chain(self, step: graph.Step) -> _Chain:
        """The layer with all that may be computed with it."""
        chain = _Chain(_read(step.layer, self.modules[step.layer]), (step.node,))
        while (longer := self._longer(chain)) is not None:
            chain = longer
        return chain

    def _longer(self, chain: _Chain) -> _Chain | None:
        """The chain with the step that reads its result, if no other does."""
        last = chain.nodes[-1]
        users = list(last.users)
        user = self.steps.get(users[0]) if len(users) == 1 else None
        if user is None or self._disturbed(chain, user.node):
            return None
        nodes, layer = (*chain.nodes, user.node), chain.layer
        # Functions among them are dropouts, which may be told to drop in eval mode too.
        if user.kind == "pass" and user.operation == "pass" and user.node.op != "call_function":
            return replace(chain, nodes=nodes)
        if layer.activation != "identity":
            return None
        if user.kind == "activation" and self._known(user):
            return replace(chain, nodes=nodes, layer=replace(layer, activation=user.operation))
        if layer.residual:
            return None
        if user.kind == "norm" and (norm := self._statistics(user)) is not None:
            return replace(chain, nodes=nodes, layer=_normalised(layer, norm))
        if user.kind == "add" and (other := self._summand(last, user)) is not None:
            return _Chain(replace(layer, residual=True), nodes, other)
        return None

    def _disturbed(self, chain: _Chain, user: fx.Node) -> bool:
        """Whether a tensor is overwritten before ``user``, where the layer would then be run."""
        begin, end = self.places[chain.nodes[0]], self.places[user]
        return any(
            begin < self.places[node] < end and node not in chain.nodes for node in self.overwriting
        )

    def _known(self, step: graph.Step) -> bool:
        if step.operation == "gelu":
            module = self.modules.get(str(step.node.target))
            given = step.node.kwargs.get("approximate", "none")
            return getattr(module, "approximate", given) == "none"
        return step.operation in ACTIVATIONS

    def _statistics(self, step: graph.Step) -> nn.modules.batchnorm._BatchNorm | None:
        norm = self.modules[step.layer]
        assert isinstance(norm, nn.modules.batchnorm._BatchNorm)
        # Shared ones are folded into each layer they follow.
        return norm if norm.running_mean is not None and norm.running_var is not None else None

    def _summand(self, last: fx.Node, user: graph.Step) -> fx.Node | None:
        """The other tensor of a sum, of the same shape for every batch."""
        if len(user.inputs) != 2 or user.inputs[0] is user.inputs[1]:
            return None
        if in_place(user.node, self.modules) and user.inputs[0] is not last:
            return None
        other = user.inputs[1] if user.inputs[0] is last else user.inputs[0]
        same = last.meta.get("shape") == user.shape == other.meta.get("shape")
        # A parameter, or another input, may have one row only by chance.
        if not same or not self.origins[last] & self.origins[other]:
            return None
        return self.calls_of.get(other, other)


def _read(name: str, module: nn.Module) -> Layer:
    """The layer of a module."""
    assert isinstance(module, nn.Conv2d | nn.Linear)
    weight = module.weight.detach()
    bias = None if module.bias is None else module.bias.detach()
    if isinstance(module, nn.Linear):
        return Layer(name, weight, bias)
    padding = module.padding
    if isinstance(padding, str):
        both = _borders(module) if padding == "same" else [0, 0]
        padding = tuple(border // 2 for border in both)
    return Layer(
        name, weight, bias, _pair(module.stride), _pair(padding), _pair(module.dilation),
        module.groups,
    )  # fmt: skip


def _borders(convolution: nn.Conv2d) -> list[int]:
    """Pixels around images, both sides together, that leave their size."""
    sizes = zip(convolution.kernel_size, convolution.dilation, strict=True)
    return [gap * (taps - 1) for taps, gap in sizes]


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    first, second = values
    return first, second


def _normalised(layer: Layer, norm: nn.modules.batchnorm._BatchNorm) -> Layer:
    """One layer that gives scale (W x + b - mean) + shift; in float64, rounded later and once."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    shift = torch.zeros_like(scale)
    if norm.affine:
        scale, shift = scale * norm.weight.detach().double(), norm.bias.detach().double()
    bias: Tensor | float = 0.0 if layer.bias is None else layer.bias.double()
    rows = scale.view(-1, *[1] * (layer.weight.ndim - 1))
    centred = (bias - norm.running_mean.double()) * scale + shift
    return replace(layer, weight=layer.weight.double() * rows, bias=centred)


def _replace(network: fx.GraphModule, chain: _Chain) -> fx.Node:
    """Let one call of a ``Dense`` module, which is returned, give what the chain gives."""
    install(network, chain.layer.name, Dense(chain.layer))
    first, *rest = chain.nodes
    x = first.args[0] if first.args else first.kwargs["input"]
    read = (x,) if chain.residual is None else (x, chain.residual)
    if not rest:
        first.args, first.kwargs = read, {}
        return first
    with network.graph.inserting_after(chain.nodes[-1]):
        call = network.graph.call_module(chain.layer.name, read)
    chain.nodes[-1].replace_all_uses_with(call)
    for node in reversed(chain.nodes):
        network.graph.erase_node(node)
    return call


def install(network: nn.Module, name: str, module: nn.Module) -> None:
    """Put ``module`` in the place of a layer."""
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, module)


def _reshape(network: fx.GraphModule) -> None:
    """Images lie channels last here, which ``view`` refuses to flatten and ``reshape`` copies."""
    for node in _views(network.graph):
        node.target = "reshape"


def _views(found: fx.Graph) -> Iterator[fx.Node]:
    for node in found.nodes:
        by_sizes = not any(isinstance(given, torch.dtype) for given in node.args)
        if node.op == "call_method" and node.target == "view" and by_sizes:
            yield node
