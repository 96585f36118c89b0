"""Nodes that draw random numbers: a network with one answers otherwise each time."""

import onnx
from onnx import numpy_helper

from sparseprune.rewrite.constants import nodes

_DRAWING = frozenset(
    {
        *("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike"),
        *("RandomUniform", "RandomUniformLike"),
    }
)


def drawing(proto: onnx.ModelProto) -> str | None:
    """Operator and name of a node that draws, in words; None if there is none."""
    stored = {tensor.name: tensor for tensor in proto.graph.initializer}
    for node in nodes(proto):
        if node.op_type in _DRAWING or _trains(node, stored):
            return f"{node.op_type} {node.name!r}"
    return None


def _trains(node: onnx.NodeProto, stored: dict[str, onnx.TensorProto]) -> bool:
    """Whether it is a Dropout that is told to train, or may be told so."""
    if node.op_type != "Dropout" or len(node.input) < 3 or not node.input[2]:
        return False
    flag = stored.get(node.input[2])
    return flag is None or bool(numpy_helper.to_array(flag).any())
