"""A graph to be read: its constants, shapes, attributes and readers."""

from collections import defaultdict
from collections.abc import Iterator

import onnx
from onnx import numpy_helper

from sparseprune.rewrite.shapes import Shape, shapes
from sparseprune.rewrite.slimming import folding
from sparseprune.rewrite.slimming.nodes import STANDARD, Array, attributes


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
        _unlist_constants(proto)
        folding.store_constants(self.graph, _inside(self.graph))
        self._shapes = shapes(proto)
        self.tensors = {tensor.name: tensor for tensor in _inside(self.graph)}
        self.fixed = {name for node in self.graph.node for name in _names_inside(node)}
        self.fixed.update(port.name for port in self.graph.output)
        folding.follow_copies(self.graph, self.tensors, self.fixed)
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


def _unlist_constants(proto: onnx.ModelProto) -> None:
    """Take initializers off the list of inputs where IR version 3 demanded them there."""
    if proto.ir_version >= 4:
        return
    proto.ir_version = 4
    constants = {tensor.name for tensor in proto.graph.initializer}
    for place in reversed(range(len(proto.graph.input))):
        if proto.graph.input[place].name in constants:
            del proto.graph.input[place]


def _inside(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    """Initializers in the file itself; one that is also an input is only a default of it."""
    given = {port.name for port in graph.input}
    outside = onnx.TensorProto.EXTERNAL
    return [t for t in graph.initializer if t.name not in given and t.data_location != outside]


def _names_inside(node: onnx.NodeProto) -> Iterator[str]:
    """Every name that subgraphs of ``node`` read, at any depth."""
    for item in node.attribute:
        for graph in (item.g, *item.graphs):
            yield from (output.name for output in graph.output)
            for inner in graph.node:
                yield from inner.input
                yield from _names_inside(inner)
