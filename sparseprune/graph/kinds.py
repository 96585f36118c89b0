"""What a known operation does to channels, from the shapes it reads and gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True)
class Tensor:
    """A tensor's shape and the axis its channels lie along; axis 0 is the batch."""

    shape: tuple[int, ...]
    axis: int = 1

    @property
    def channels(self) -> int:
        """How many; 0 without such an axis."""
        return self.shape[self.axis] if len(self.shape) > self.axis else 0


@dataclass(frozen=True)
class Use:
    """One use of an operation that ``operations`` lists.

    Attributes:
        operation: its name there.
        node: its place in the traced graph.
        module: the module called, if one is.
        sources: what it reads, in order, sizes read from tensors included (their shape is empty).
        shape: of what it gives.
    """

    operation: str
    node: fx.Node
    module: nn.Module | None
    sources: tuple[Tensor, ...]
    shape: tuple[int, ...]

    def argument(self, name: str, place: int, default: object = None) -> object:
        """An argument of the call by its name, or by its place (the tensor is at 0)."""
        args = self.node.args
        return self.node.kwargs.get(name, args[place] if len(args) > place else default)


UNKNOWN: tuple[Kind, int] = ("unknown", 1)


def kind_of(use: Use) -> tuple[Kind, int]:
    """The kind, and the axis of the channels that come out; "unknown" where not understood."""
    if len(use.shape) < 2 or not use.sources or len(use.sources[0].shape) < 2:
        return UNKNOWN
    source = use.sources[0]
    if use.operation in ("add", "mul", "cat"):
        return _merge(use)
    if use.operation == "view":
        return ("flatten", 1) if _flattens(source, use.shape) and _free(use.node) else UNKNOWN
    if use.operation == "interpolate":
        # The rest are sizes: interpolation leaves batch and channels alone.
        return _over_positions(source, use.shape)
    if len(use.sources) != 1:
        return UNKNOWN
    if use.operation == "flatten":
        return _flatten(source, use.shape)
    if use.operation in ("transpose", "permute"):
        return _moved(use)
    if use.operation in ("squeeze", "unsqueeze"):
        # A new axis counts itself: unsqueeze(-1) of [N, C] is axis 2 of three.
        rank = max(len(source.shape), len(use.shape))
        whole = source.axis == 1 and _positions(use, Tensor((0,) * rank))
        return ("pass", 1) if whole and source.shape[:2] == use.shape[:2] else UNKNOWN
    if use.operation == "mean":
        return _mean(use)
    if use.operation in operations.POOLS:
        return _over_positions(source, use.shape)
    if use.operation in operations.ACTIVATIONS:
        return "activation", source.axis
    if use.operation == "pass":
        return "pass", source.axis
    return _layer(use)


def _layer(use: Use) -> tuple[Kind, int]:
    if use.operation == "linear":
        return "linear", len(use.shape) - 1
    if use.sources[0].axis != 1:
        return UNKNOWN
    if use.operation == "norm":
        return "norm", 1
    if use.operation == "conv" and isinstance(use.module, nn.Conv2d) and len(use.shape) == 4:
        depthwise = use.module.groups == use.module.in_channels and use.module.groups > 1
        return ("depthwise" if depthwise else "conv"), 1
    return UNKNOWN


def _merge(use: Use) -> tuple[Kind, int]:
    """Kinds of operations on several tensors, whose channel counts must not be broadcast."""
    rank, axis = len(use.shape), use.sources[0].axis
    alike = all(len(s.shape) == rank and s.axis == axis for s in use.sources)
    if use.operation == "cat":
        along = use.argument("dim", 1, 0)
        return ("cat", axis) if alike and along in (axis, axis - rank) else UNKNOWN
    if "alpha" in use.node.kwargs:
        return UNKNOWN
    if use.operation == "mul" and len(use.sources) == 1:
        operands = [*use.node.args, *use.node.kwargs.values()]
        literal = any(type(operand) in (int, float) for operand in operands)
        return ("scale", axis) if literal else UNKNOWN
    same = alike and all(s.channels == use.shape[axis] for s in use.sources)
    if len(use.sources) != 2 or not same:
        return UNKNOWN
    return ("add" if use.operation == "add" else "mul"), axis


def _over_positions(source: Tensor, shape: tuple[int, ...]) -> tuple[Kind, int]:
    """Of every channel alone, over its positions: [N, C, ...] to [N, C, ...]."""
    return ("pool", 1) if source.axis == 1 and source.shape[:2] == shape[:2] else UNKNOWN


def _mean(use: Use) -> tuple[Kind, int]:
    source = use.sources[0]
    dims = _positions(use, source)
    if not dims:
        return UNKNOWN
    gone = 0 if len(use.shape) == len(source.shape) else sum(d < source.axis for d in dims)
    return "pool", source.axis - gone


def _flatten(source: Tensor, shape: tuple[int, ...]) -> tuple[Kind, int]:
    if source.axis == 1 and len(shape) > 2 and shape[:2] == source.shape[:2]:
        return "pass", 1
    return ("flatten", 1) if _flattens(source, shape) else UNKNOWN


def _flattens(source: Tensor, shape: tuple[int, ...]) -> bool:
    """[N, C, ...] to [N, C * positions]; nothing else keeps a channel's positions together."""
    whole = (source.shape[0], torch.Size(source.shape[1:]).numel())
    return source.axis == 1 and shape == whole


def _free(node: fx.Node) -> bool:
    """Whether a view leaves the number of channels to be worked out when it runs."""
    sizes = node.args[1:] or tuple(node.kwargs.values())
    if len(sizes) == 1 and isinstance(sizes[0], list | tuple):
        sizes = tuple(sizes[0])
    return len(sizes) == 2 and (isinstance(sizes[1], fx.Node) or sizes[1] in (-1,))


def _moved(use: Use) -> tuple[Kind, int]:
    """Where a transposition takes the channels; the batch must stay where it is."""
    rank = len(use.shape)
    if use.operation == "transpose":
        pair = _whole_numbers([use.argument("dim0", 1), use.argument("dim1", 2)])
        order = list(range(rank))
        if len(pair) == 2:
            first, second = (d % rank for d in pair)
            order[first], order[second] = second, first
    else:
        dims = use.argument("dims", 1)
        given = dims if isinstance(dims, list | tuple) else use.node.args[1:]
        order = [d % rank for d in _whole_numbers(given)]
    moved = len(order) == rank and order[0] == 0
    return ("pass", order.index(use.sources[0].axis)) if moved else UNKNOWN


def _positions(use: Use, tensor: Tensor) -> list[int]:
    """The axes of ``tensor`` that ``dim`` names, if all are positions; empty otherwise."""
    dims = use.argument("dim", 1)
    given = list(dims) if isinstance(dims, list | tuple) else [dims]
    found = [d % len(tensor.shape) for d in _whole_numbers(given)]
    whole = len(found) == len(given) and not {0, tensor.axis} & set(found)
    return found if whole else []


def _whole_numbers(given: Sequence[object]) -> list[int]:
    return [number for number in given if isinstance(number, int)]
