"""The layers of a model that hold weights, in whichever form the file stores them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx

from sparseprune.errors import InputError
from sparseprune.inspector import compact, patterns
from sparseprune.inspector.scope import Scope, attributes
from sparseprune.inspector.tensors import Mask

# Which inputs of an operation may hold its weight.
_WEIGHTS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("Conv", "ConvTranspose", "ConvInteger", "Gemm"), (1,)),
    **dict.fromkeys(("MatMul", "MatMulInteger"), (0, 1)),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), (1, 2)),
    "QLinearConv": (3,),
    "QLinearMatMul": (0, 3),
}

Entry = dict[str, Any]


def describe(proto: onnx.ModelProto, folder: Path) -> list[Entry]:
    """One entry per weight, in the order of the nodes, those of subgraphs included.

    Args:
        proto: a model, from anyone.
        folder: where its file is, for external data.

    Returns:
        Entries with ``name`` (the node's, else its first output's), ``op``, ``weight`` (its name),
        ``shape`` as stored, and what ``patterns.structure`` says; where the weight is damaged,
        ``problem`` instead of that.
    """
    return list(_graph(Scope(proto.graph, folder)))


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs in a node's attributes: branches and bodies of loops."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _graph(scope: Scope) -> Iterator[Entry]:
    # Many nodes may share one large weight: it is looked at once for each way to use it.
    seen: dict[Any, Entry | None] = {}
    for node in scope.graph.node:
        for weight, key in _uses(node):
            if key not in seen:
                seen[key] = _described(node, weight, scope)
            facts = seen[key]
            if facts is not None:
                title = node.name or next(iter(node.output), "")
                yield {"name": title, "op": node.op_type, "weight": weight, **facts}
        for inner in subgraphs(node):
            yield from _graph(Scope(inner, scope.folder, scope))


def _uses(node: onnx.NodeProto) -> Iterator[tuple[str, Any]]:
    """The weights a node may have: their names, and what tells one way to use them from another."""
    how = tuple(a.SerializeToString() for a in node.attribute if a.name in _TELLING)
    if compact.is_compact(node):
        yield node.input[1], (node.op_type, *node.input[1:3], how)
    elif node.domain in ("", "ai.onnx"):
        for index in _WEIGHTS.get(node.op_type, ()):
            if index < len(node.input) and node.input[index]:
                yield node.input[index], (node.op_type, node.input[index], index == 0, how)


_TELLING = frozenset({"transB", "group", "weight_shape"})


def _described(node: onnx.NodeProto, weight: str, scope: Scope) -> Entry | None:
    """Shape and structure of a weight; None if it is no constant of two axes or more."""
    try:
        values = attributes(node)
        if compact.is_compact(node):
            mask: Mask | None = compact.kept(node, values, scope)
        else:
            mask = scope.kept(weight)
        if mask is None or mask.ndim < 2:
            return None
        rows = _rows(mask, node, values, first=weight == node.input[0])
        groups = values.get("group", 1) if node.op_type != "ConvTranspose" else 1
        fits = groups > 0 and rows.shape[0] % groups == 0
        return {"shape": list(mask.shape), **patterns.structure(rows, groups if fits else 1)}
    except InputError as error:
        return {"shape": None, "problem": str(error)}


def _rows(mask: Mask, node: onnx.NodeProto, values: Entry, *, first: bool) -> Mask:
    """[outputs, inputs, taps] of a weight with the axes of its operation."""
    op = node.op_type
    if op == "ConvTranspose":  # [inputs, outputs, ...]
        mask = mask.swapaxes(0, 1)
    elif "MatMul" in op and not first:  # [..., inputs, outputs]
        mask = mask.swapaxes(-1, -2)
    elif op == "Gemm" and not values.get("transB"):
        mask = mask.swapaxes(0, 1)
    if "Conv" in op:
        return mask.reshape(*mask.shape[:2], -1)
    return mask.reshape(-1, mask.shape[-1], 1)
