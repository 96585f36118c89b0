"""Compact operators -> the standard operators they stand for."""

import math
from typing import Any

import onnx
from onnx import helper, numpy_helper

from sparseprune.errors import InputError
from sparseprune.rewrite import constants
from sparseprune.rewrite.compact import declare
from sparseprune.rewrite.encoding import Encoded, Kept, decode
from sparseprune.rewrite.functions import DOMAIN, OPERATORS

# The format's own limit of a tensor; a few bytes of steps could ask for far more.
_LARGEST_BYTES = 2**31 - 1


def plain(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model with every compact operator as Conv, or as MatMul and Add, its weight whole.

    Raises:
        InputError: an operator's weight is damaged; names the node.
    """
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    graph = result.graph
    ours = [n for n in graph.node if n.domain == DOMAIN and n.op_type in OPERATORS]
    if not ours:
        return result
    weights = _Weights(graph)
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes.extend(_standard(node, weights) if node in ours else [node])
    del graph.node[:]
    graph.node.extend(nodes)
    reads = constants.readers(graph)
    constants.drop(graph, {name for n in ours for name in n.input if not reads[name]})
    declare(result)
    return result


class _Weights:
    """Whole weights, each made once however many nodes share it."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._stored = {tensor.name: tensor for tensor in graph.initializer}
        self._taken = constants.names(graph)
        self._made: dict[tuple[str, ...], str] = {}

    def whole(self, node: onnx.NodeProto) -> str:
        """The name of the node's whole weight; [K, N] for a linear layer."""
        linear = node.op_type.endswith("Linear")
        key = (*node.input[1:3], str(linear))
        if key not in self._made:
            weight = self._decoded(node).dense()
            name = self.unused(node.input[1].removesuffix(".values"))
            tensor = numpy_helper.from_array(weight.T.copy() if linear else weight, name)
            self._graph.initializer.append(tensor)
            self._made[key] = name
        return self._made[key]

    def unused(self, name: str) -> str:
        """A name for a value, like ``name``, that nothing else has."""
        return constants.unused(name, self._taken)

    def _decoded(self, node: onnx.NodeProto) -> Kept:
        shape = _attributes(node).get("weight_shape", [])
        try:
            values, index = (numpy_helper.to_array(self._stored[n]) for n in node.input[1:3])
            if 4 * math.prod(shape) > _LARGEST_BYTES:
                raise ValueError(f"weight_shape is {shape}")
            return decode(Encoded(values, index, node.op_type.startswith("Bitmask")), shape)
        except (KeyError, ValueError) as error:
            raise InputError(
                f"node {node.name!r} ({node.op_type}): expected a weight stored by sparseprune, "
                f"got a damaged one ({error}); export the model again"
            ) from error


def _standard(node: onnx.NodeProto, weights: _Weights) -> list[onnx.NodeProto]:
    x, _, _, bias = node.input
    weight = weights.whole(node)
    if node.op_type.endswith("Conv"):
        window = {k: v for k, v in _attributes(node).items() if k != "weight_shape"}
        return [helper.make_node("Conv", [x, weight, bias], node.output, name=node.name, **window)]
    product = weights.unused(f"{node.output[0]}.product")
    return [
        helper.make_node("MatMul", [x, weight], [product], name=node.name),
        helper.make_node("Add", [product, bias], node.output, name=f"{node.name}.bias"),
    ]


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}
