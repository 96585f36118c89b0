"""The constants of a graph, wherever they are kept, and who reads each value."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from sparseprune.rewrite.encoding import Kept, kept

Float32 = npt.NDArray[np.float32]
_FLOAT = onnx.TensorProto.FLOAT


class Constants:
    """The float32 constants of a main graph by name; initializers and Constant nodes."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        graph = proto.graph
        # Before IR version 4 initializers had to be listed as inputs; since then listing one lets
        # the caller replace it.
        open_ones = {port.name for port in graph.input} if proto.ir_version >= 4 else set()
        self._dense = {t.name: t for t in graph.initializer if t.name not in open_ones}
        self.stored = frozenset(self._dense)
        self._sparse = {
            t.values.name: t for t in graph.sparse_initializer if t.values.name not in open_ones
        }
        for node in graph.node:
            if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
                for attribute in node.attribute:
                    if attribute.name == "value":
                        self._dense[node.output[0]] = attribute.t
                    elif attribute.name == "sparse_value":
                        self._sparse[node.output[0]] = attribute.sparse_tensor

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Of a float32 constant that is inside the file; None for anything else."""
        if name in self._dense:
            tensor = self._dense[name]
            return tuple(tensor.dims) if _readable(tensor) else None
        if name in self._sparse and _readable(self._sparse[name].values):
            return tuple(self._sparse[name].dims)
        return None

    def nbytes(self, name: str) -> int:
        """What a constant takes in the file."""
        return int((self._dense.get(name) or self._sparse[name]).ByteSize())

    def weight(self, name: str) -> Kept | None:
        """A constant by its nonzero values; None if it is not readable or damaged."""
        if self.shape(name) is None:
            return None
        if name in self._dense:
            return kept(numpy_helper.to_array(self._dense[name]))
        return _sparse(self._sparse[name])

    def dense(self, name: str) -> Float32 | None:
        """A small constant, whole. The caller has looked at its shape."""
        weight = self.weight(name)
        return None if weight is None else weight.dense()


def readers(graph: onnx.GraphProto) -> Counter[str]:
    """How often each value is read: by nodes, those of subgraphs too, and as an output."""
    found = Counter(port.name for port in graph.output)
    for node in graph.node:
        found.update(node.input)
        for inner in subgraphs(node):
            found.update(readers(inner))
    return found


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs in a node's attributes."""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def nodes(proto: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Those of the graph, of its subgraphs and of the functions."""
    waiting = [*proto.graph.node, *(node for f in proto.functions for node in f.node)]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(inner for graph in subgraphs(node) for inner in graph.node)


def names(graph: onnx.GraphProto) -> set[str]:
    """Every name of a value in a graph and its subgraphs."""
    found = {port.name for port in (*graph.input, *graph.output, *graph.initializer)}
    found.update(tensor.values.name for tensor in graph.sparse_initializer)
    for node in graph.node:
        found.update(node.input, node.output)
        for inner in subgraphs(node):
            found |= names(inner)
    return found


def unused(name: str, taken: set[str]) -> str:
    """``name``, or ``name`` and a number if it is taken; it is then taken too."""
    unique, count = name, 1
    while unique in taken:
        count += 1
        unique = f"{name}.{count}"
    taken.add(unique)
    return unique


def drop(graph: onnx.GraphProto, unread: Iterable[str]) -> None:
    """Remove constants, in place; before IR version 4 they are inputs too."""
    gone = set(unread)
    for field in (graph.initializer, graph.input, graph.value_info):
        _keep(field, [entry.name not in gone for entry in field])
    _keep(graph.sparse_initializer, [t.values.name not in gone for t in graph.sparse_initializer])
    _keep(graph.node, [not gone.intersection(node.output) for node in graph.node])


def _keep(field: object, stays: list[bool]) -> None:
    for index in reversed(range(len(stays))):
        if not stays[index]:
            del field[index]  # type: ignore[attr-defined]


def _readable(tensor: onnx.TensorProto) -> bool:
    return tensor.data_type == _FLOAT and tensor.data_location != onnx.TensorProto.EXTERNAL


def _sparse(tensor: onnx.SparseTensorProto) -> Kept | None:
    """Positions are given flat [n] or as coordinates [n, rank], rising."""
    shape = tuple(tensor.dims)
    indices = numpy_helper.to_array(tensor.indices).astype(np.int64)
    values = numpy_helper.to_array(tensor.values)
    size = math.prod(shape)
    if size > np.iinfo(np.int64).max or not (indices >= 0).all():
        return None
    if indices.ndim == 2:
        if not (indices < np.array(shape)).all():
            return None
        strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        indices = indices @ np.array(strides, np.int64)
    rising = (np.diff(indices) > 0).all() and (not len(indices) or indices[-1] < size)
    if not rising or len(indices) != len(values):
        return None
    return Kept(shape, indices, values).mapped(values)
