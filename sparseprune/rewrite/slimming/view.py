"""A graph to be read: its constants, shapes, attributes and readers."""

from collections import defaultdict
from collections.abc import Container, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from sparseprune.rewrite.shapes import Shape, shapes

Array = npt.NDArray[Any]


class View:
    """What the rules ask of a model's main graph.

    Attributes:
        graph: the graph; its Constant nodes have become initializers.
        opset: version of the standard operator set.
        tensors: the constants, by name.
        fixed: names that keep their shape: the graph's outputs, and what subgraphs (branches, loop
            bodies) may read from outside themselves.
        readers: nodes that read a name, once for each input.
        makers: the node that makes a name.
    """

    def __init__(self, proto: onnx.ModelProto) -> None:
        self.graph = proto.graph
        self.opset = max((o.version for o in proto.opset_import if o.domain in STANDARD), default=1)
        _store_constants(self.graph)
        _unlist_constants(proto)
        self._shapes = shapes(proto)
        # A name that is also an input is only a default: a caller may give another value.
        given = {port.name for port in self.graph.input}
        self.tensors = {
            tensor.name: tensor
            for tensor in self.graph.initializer
            if tensor.name not in given and tensor.data_location != onnx.TensorProto.EXTERNAL
        }
        self.fixed = {name for node in self.graph.node for name in _names_inside(node)}
        self.fixed.update(port.name for port in self.graph.output)
        _follow_copies(self.graph, self.tensors, self.fixed)
        self.readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in self.graph.node:
            for name in node.input:
                self.readers[name].append(node)
        self.makers = {name: node for node in self.graph.node for name in node.output}

    def constant(self, node: onnx.NodeProto, index: int) -> Array | None:
        """The value of an input that is a constant; None if it is not one, or absent."""
        if index >= len(node.input) or node.input[index] not in self.tensors:
            return None
        return numpy_helper.to_array(self.tensors[node.input[index]])

    def integers(self, node: onnx.NodeProto, index: int, attribute: str) -> list[int] | None:
        """Integers that are an attribute in old operator sets and a constant input in new ones."""
        found = attributes(node).get(attribute)
        if found is not None:
            return [int(value) for value in found]
        array = self.constant(node, index)
        return None if array is None else [int(value) for value in array.ravel()]

    def shape(self, name: str) -> Shape | None:
        """The shape of a tensor, None for sizes that are open; None if nothing is known."""
        return self._shapes.get(name)

    def is_only_read_by(self, name: str, node: onnx.NodeProto) -> bool:
        """Whether nobody but ``node`` reads ``name``, once."""
        return len(self.readers[name]) == 1 and name not in self.fixed


STANDARD = ("", "ai.onnx")


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """The attributes of a node by name; references to a function's attributes are left out."""
    return {
        item.name: helper.get_attribute_value(item)
        for item in node.attribute
        if not item.ref_attr_name
    }


def has(node: onnx.NodeProto, index: int) -> bool:
    """Whether an optional input is there."""
    return index < len(node.input) and node.input[index] != ""


def _store_constants(graph: onnx.GraphProto) -> None:
    """Turn Constant nodes that hold numbers into initializers, in place."""
    kept = []
    for node in graph.node:
        array = _value(node) if node.op_type == "Constant" and node.domain in STANDARD else None
        if array is None:
            kept.append(node)
        else:
            graph.initializer.append(numpy_helper.from_array(array, node.output[0]))
    if len(kept) < len(graph.node):
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
        del graph.node[:]
        graph.node.extend(nodes)


def _unlist_constants(proto: onnx.ModelProto) -> None:
    """Take initializers off the list of inputs where IR version 3 demanded them there."""
    if proto.ir_version >= 4:
        return
    proto.ir_version = 4
    constants = {tensor.name for tensor in proto.graph.initializer}
    for place in reversed(range(len(proto.graph.input))):
        if proto.graph.input[place].name in constants:
            del proto.graph.input[place]


def _follow_copies(graph: onnx.GraphProto, tensors: Container[str], fixed: Container[str]) -> None:
    """Read constants themselves where their copies are read: exporters store equal ones once."""
    source: dict[str, str] = {}
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = source.get(name, name)
        if node.op_type == "Identity" and node.domain in STANDARD and node.input[0] in tensors:
            source[node.output[0]] = node.input[0]
    for place in reversed(range(len(graph.node))):
        made = graph.node[place].output
        if len(made) == 1 and made[0] in source and made[0] not in fixed:
            del graph.node[place]


def _value(node: onnx.NodeProto) -> Array | None:
    for key, value in attributes(node).items():
        if key == "value":
            return numpy_helper.to_array(value)
        if key in ("value_int", "value_ints"):
            return np.array(value, dtype=np.int64)
        if key in ("value_float", "value_floats"):
            return np.array(value, dtype=np.float32)
    return None


def _names_inside(node: onnx.NodeProto) -> Iterator[str]:
    """Every name that subgraphs of ``node`` read, at any depth."""
    for item in node.attribute:
        for graph in (item.g, *item.graphs):
            yield from (output.name for output in graph.output)
            for inner in graph.node:
                yield from inner.input
                yield from _names_inside(inner)
