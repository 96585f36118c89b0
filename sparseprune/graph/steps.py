"""A traced network as a list of steps, each a known operation or an honest "unknown"."""

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import fx, nn

from sparseprune.graph import operations

Kind = Literal[
    "input",
    "output",
    "shape",
    "conv",
    "depthwise",
    "linear",
    "norm",
    "activation",
    "pool",
    "add",
    "mul",
    "scale",
    "cat",
    "flatten",
    "pass",
    "unknown",
]
# Operations whose layer has channels of its own.
LAYERED = ("conv", "depthwise", "linear", "norm")


@dataclass(frozen=True)
class Step:
    """One operation on tensors whose channels lie along axis 1 (axis 0 is the batch).

    Attributes:
        node: its place in the traced graph.
        kind: what happens to channels.
        operation: the name in ``operations``; says more than ``kind`` for activations and pools.
        inputs: the nodes it reads, in order, repeated when read twice.
        shape: of the output tensor with the example inputs; empty when it is not one tensor.
        layer: path of the module with parameters, for kinds in ``LAYERED``.
        keeps_zero: for activations, whether a zero stays a zero.
        reason: for "unknown", why.
    """

    node: fx.Node
    kind: Kind
    operation: str = ""
    inputs: tuple[fx.Node, ...] = ()
    shape: tuple[int, ...] = ()
    layer: str = ""
    keeps_zero: bool = True
    reason: str = ""


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
    return tuple(_step(node, modules) for node in traced.graph.nodes)


def _step(node: fx.Node, modules: dict[str, nn.Module]) -> Step:
    inputs = tuple(n for n in _leaves((node.args, node.kwargs)) if isinstance(n, fx.Node))
    shape = node.meta.get("shape", ())
    if node.op == "placeholder":
        return Step(node, "input", shape=shape)
    if node.op == "output":
        return Step(node, "output", inputs=inputs)
    if not node.meta["tensors"]:
        return Step(node, "shape", inputs=inputs)
    operation = _operation(node, modules)
    kind = _kind(operation, node, inputs, shape, modules) if operation else "unknown"
    if kind != "unknown" and not _safe_in_place(node, operation, modules):
        kind = "unknown"
    if kind == "unknown":
        return Step(node, kind, operation, inputs, shape, reason=describe(node, modules))
    return Step(
        node,
        kind,
        operation,
        inputs,
        shape,
        layer=str(node.target) if kind in LAYERED else "",
        keeps_zero=kind != "activation" or at(node, modules, 0.0) == 0.0,
    )


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


def _kind(
    operation: str,
    node: fx.Node,
    inputs: tuple[fx.Node, ...],
    shape: tuple[int, ...],
    modules: dict[str, nn.Module],
) -> Kind:
    """The kind of a known operation, or "unknown" for a use of it that is not understood."""
    sources = [n.meta.get("shape", ()) for n in inputs]
    if len(shape) < 2 or not sources or len(sources[0]) < 2:
        return "unknown"
    if operation in ("add", "mul", "cat"):
        return _merge(operation, node, sources, shape)
    if operation == "view":
        return "flatten" if _flattens(sources[0], shape) and _free(node) else "unknown"
    if len(inputs) != 1:
        return "unknown"
    if operation == "flatten":
        return "flatten" if _flattens(sources[0], shape) else "unknown"
    if operation in ("squeeze", "unsqueeze"):
        # A new axis counts itself: unsqueeze(-1) of [N, C] is axis 2 of three.
        rank = max(len(sources[0]), len(shape))
        return "pass" if _positional(node, rank) and sources[0][:2] == shape[:2] else "unknown"
    if operation in operations.POOLS:
        whole = operation != "mean" or _positional(node, len(sources[0]))
        return "pool" if whole and sources[0][:2] == shape[:2] else "unknown"
    if operation in operations.ACTIVATIONS:
        return "activation"
    if operation == "pass":
        return "pass"
    return _layer(operation, modules[str(node.target)], shape)


def _layer(operation: str, module: nn.Module, shape: tuple[int, ...]) -> Kind:
    if operation == "conv" and isinstance(module, nn.Conv2d) and len(shape) == 4:
        depthwise = module.groups == module.in_channels and module.groups > 1
        return "depthwise" if depthwise else "conv"
    if operation == "linear" and len(shape) == 2:
        return "linear"
    return "norm" if operation == "norm" else "unknown"


def _merge(
    operation: str, node: fx.Node, sources: list[tuple[int, ...]], shape: tuple[int, ...]
) -> Kind:
    """Kinds of operations on several tensors, whose channel counts must not be broadcast."""
    if operation == "cat":
        axis = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
        return "cat" if axis in (1, 1 - len(shape)) else "unknown"
    if "alpha" in node.kwargs:
        return "unknown"
    operands = [*node.args, *node.kwargs.values()]
    if operation == "mul" and len(sources) == 1 and any(type(x) in (int, float) for x in operands):
        return "scale"
    same = all(len(s) >= 2 and len(s) == len(shape) and s[1] == shape[1] for s in sources)
    if len(sources) != 2 or not same:
        return "unknown"
    return "add" if operation == "add" else "mul"


def _flattens(source: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """[N, C, ...] to [N, C * positions]; nothing else keeps a channel's positions together."""
    return shape == (source[0], torch.Size(source[1:]).numel())


def _free(node: fx.Node) -> bool:
    """Whether a view leaves the number of channels to be worked out when it runs."""
    sizes = node.args[1:] or tuple(node.kwargs.values())
    if len(sizes) == 1 and isinstance(sizes[0], list | tuple):
        sizes = tuple(sizes[0])
    return len(sizes) == 2 and (isinstance(sizes[1], fx.Node) or sizes[1] in (-1,))


def _positional(node: fx.Node, rank: int) -> bool:
    """Whether ``dim`` names positions only, not batch or channel, among ``rank`` axes."""
    dims = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else None)
    if isinstance(dims, int):
        dims = (dims,)
    if not isinstance(dims, list | tuple):
        return False
    return bool(dims) and all(isinstance(d, int) and d % rank >= 2 for d in dims)


def _safe_in_place(node: fx.Node, operation: str, modules: dict[str, nn.Module]) -> bool:
    """False when a tensor is overwritten with other zeros while something later still reads it.

    A rectifier may: it keeps zeros, and what a later reader sees is the rectified tensor.
    """
    in_place = (
        (node.op == "call_method" and str(node.target).endswith("_"))
        or node.target in (operator.iadd, operator.imul)
        or node.kwargs.get("inplace") is True
        or (node.op == "call_module" and getattr(modules[str(node.target)], "inplace", False))
    )
    if not in_place or operation in ("relu", "relu6"):
        return True
    source = node.args[0]
    later = False
    for other in node.graph.nodes:
        if later and isinstance(source, fx.Node) and source in other.all_input_nodes:
            return False
        later = later or other is node
    return True


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
