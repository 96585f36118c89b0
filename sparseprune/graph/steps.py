"""A traced network as a list of steps, each a known operation or an honest "unknown"."""

import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from sparseprune.graph import operations
from sparseprune.graph.kinds import UNKNOWN, Kind, Tensor, Use, kind_of

# Operations whose layer has channels of its own.
LAYERED = ("conv", "depthwise", "linear", "norm")


@dataclass(frozen=True)
class Step:
    """One operation on tensors whose channels lie along one axis (axis 0 is the batch).

    Attributes:
        node: its place in the traced graph.
        kind: what happens to channels.
        operation: the name in ``operations``; says more than ``kind`` for activations and pools.
        inputs: the nodes it reads, in order, repeated when read twice.
        shape: of the output tensor with the example inputs; empty when it is not one tensor.
        layer: path of the module with parameters, for kinds in ``LAYERED``.
        keeps_zero: for activations, whether a zero stays a zero.
        reason: for "unknown", why.
        axis: of the output's channels: 1 of pictures [N, C, H, W], 2 of tokens [N, T, C].
        across: for "linear", how many entries it reads along an axis that does not hold the
            channels of its input; 0 when it reads the channels.
    """

    node: fx.Node
    kind: Kind
    operation: str = ""
    inputs: tuple[fx.Node, ...] = ()
    shape: tuple[int, ...] = ()
    layer: str = ""
    keeps_zero: bool = True
    reason: str = ""
    axis: int = 1
    across: int = 0

    @property
    def channels(self) -> int:
        """How many channels come out; 0 when no tensor with channels does."""
        return Tensor(self.shape, self.axis).channels


class Shapes(fx.Interpreter):
    """Runs a traced module and notes every tensor's shape under ``node.meta["shape"]``."""

    def run_node(self, n: fx.Node) -> Any:
        """Run one node; only a result that is one tensor gets a shape."""
        result = super().run_node(n)
        if isinstance(result, torch.Tensor):
            n.meta["shape"] = tuple(result.shape)
        n.meta["tensors"] = any(isinstance(leaf, torch.Tensor) for leaf in _leaves(result))
        return result


def read(traced: fx.GraphModule) -> tuple[Step, ...]:
    """Every node of ``traced``, whose shapes are known, as a step."""
    modules = dict(traced.named_modules())
    steps: dict[fx.Node, Step] = {}
    for node in traced.graph.nodes:
        steps[node] = _step(node, modules, steps)
    return tuple(steps.values())


def _step(node: fx.Node, modules: dict[str, nn.Module], before: Mapping[fx.Node, "Step"]) -> Step:
    inputs = tuple(n for n in _leaves((node.args, node.kwargs)) if isinstance(n, fx.Node))
    shape = node.meta.get("shape", ())
    if node.op == "placeholder":
        return Step(node, "input", shape=shape)
    if node.op == "output":
        return Step(node, "output", inputs=inputs)
    if not node.meta["tensors"]:
        return Step(node, "shape", inputs=() if _asks_for_type(node) else inputs)
    operation = _operation(node, modules)
    sources = tuple(Tensor(before[n].shape, before[n].axis) for n in inputs)
    kind, axis = _kind(operation, node, modules, sources)
    if kind == "unknown":
        reason = describe(node, modules)
        return Step(
            node, kind, operation, inputs, shape, reason=reason, axis=_guess(shape, sources)
        )
    return Step(
        node,
        kind,
        operation,
        inputs,
        shape,
        layer=str(node.target) if kind in LAYERED else "",
        keeps_zero=kind != "activation" or at(node, modules, 0.0) == 0.0,
        axis=axis,
        across=_across(sources[0]) if kind == "linear" else 0,
    )


def _asks_for_type(node: fx.Node) -> bool:
    """Whether the node reads a tensor's type or device, which say nothing of its channels."""
    return node.target is getattr and node.args[1] in ("dtype", "device")


def _kind(
    operation: str, node: fx.Node, modules: dict[str, nn.Module], sources: tuple[Tensor, ...]
) -> tuple[Kind, int]:
    if not operation or not _safe_in_place(node, operation, modules):
        return UNKNOWN
    module = modules[str(node.target)] if node.op == "call_module" else None
    return kind_of(Use(operation, node, module, sources, node.meta.get("shape", ())))


def _across(source: Tensor) -> int:
    return 0 if source.axis == len(source.shape) - 1 else source.shape[-1]


def _guess(shape: tuple[int, ...], sources: Sequence[Tensor]) -> int:
    """Where the channels of an unknown operation's result may lie: all of them are refused."""
    alike = [source.axis for source in sources if len(source.shape) == len(shape)]
    return max(alike, default=1)


def at(node: fx.Node, modules: dict[str, nn.Module], value: float) -> float:
    """The elementwise operation of ``node`` at one value."""
    x = torch.tensor([value])
    if node.op == "call_module":
        return float(modules[str(node.target)](x))
    if node.op == "call_method":
        return float(getattr(x, str(node.target))(*node.args[1:], **node.kwargs))
    rest = {key: given for key, given in node.kwargs.items() if key != "input"}
    assert callable(node.target)
    return float(node.target(x, *node.args[1:], **rest))


def describe(node: fx.Node, modules: dict[str, nn.Module]) -> str:
    """What the user wrote there, such as "softmax at node 'softmax'"."""
    what = str(getattr(node.target, "__name__", node.target))
    if node.op == "call_module":
        what = f"{type(modules[str(node.target)]).__name__} {node.target!r}"
    if node.op == "get_attr":
        what = f"direct use of tensor {node.target!r}"
    return f"{what} at node {node.name!r}"


def _operation(node: fx.Node, modules: dict[str, nn.Module]) -> str:
    if node.op == "call_module":
        return operations.MODULES.get(type(modules[str(node.target)]), "")
    if node.op == "call_method":
        return operations.METHODS.get(str(node.target), "")
    if node.op == "call_function" and callable(node.target):
        return operations.FUNCTIONS.get(node.target, "")
    return ""


def _safe_in_place(node: fx.Node, operation: str, modules: dict[str, nn.Module]) -> bool:
    """False when a tensor is overwritten with other zeros while something later still reads it.

    A rectifier may: it keeps zeros, and what a later reader sees is the rectified tensor.
    """
    if not in_place(node, modules) or operation in ("relu", "relu6"):
        return True
    source = node.args[0]
    later = False
    for other in node.graph.nodes:
        if later and isinstance(source, fx.Node) and source in other.all_input_nodes:
            return False
        later = later or other is node
    return True


def in_place(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether an operation overwrites the tensor it reads first."""
    name = str(getattr(node.target, "__name__", node.target))
    return (
        (node.op in ("call_method", "call_function") and re.search(r"[^_]_$", name) is not None)
        or node.target in (operator.iadd, operator.imul)
        or node.kwargs.get("inplace") is True
        or (node.op == "call_module" and bool(getattr(modules[str(node.target)], "inplace", False)))
    )


def _leaves(value: Any) -> Iterator[Any]:
    """Items of nested tuples, lists and dicts, in order."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    else:
        yield value
