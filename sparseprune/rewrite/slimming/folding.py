"""Constants that nodes make or move become plain initializers, so that the rules see them."""

from collections.abc import Container, Iterable, Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from sparseprune.rewrite.slimming.nodes import STANDARD, Array, attributes


def store_constants(graph: onnx.GraphProto, constants: Iterable[onnx.TensorProto]) -> None:
    """Turn Constant nodes, and transposed or unsqueezed constants, into initializers, in place."""
    kept = []
    tensors = {tensor.name: tensor for tensor in constants}
    for node in graph.node:
        array = _value(node) if node.domain in STANDARD else None
        if array is None and node.domain in STANDARD:
            array = _moved(node, tensors)
        if array is None:
            kept.append(node)
        else:
            graph.initializer.append(numpy_helper.from_array(array, node.output[0]))
            tensors[node.output[0]] = graph.initializer[-1]
    if len(kept) < len(graph.node):
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
        del graph.node[:]
        graph.node.extend(nodes)


def follow_copies(graph: onnx.GraphProto, tensors: Container[str], fixed: Container[str]) -> None:
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


def _moved(node: onnx.NodeProto, tensors: Mapping[str, onnx.TensorProto]) -> Array | None:
    """What Transpose or Unsqueeze make of a constant: how some exporters keep weights."""
    if node.op_type not in ("Transpose", "Unsqueeze"):
        return None
    if any(name not in tensors for name in node.input):
        return None
    array, *axes = (numpy_helper.to_array(tensors[name]) for name in node.input)
    given = attributes(node)
    if node.op_type == "Transpose":
        return np.ascontiguousarray(array.transpose(given.get("perm")))
    places = given["axes"] if "axes" in given else axes[0].tolist()
    return np.expand_dims(array, tuple(places))


def _value(node: onnx.NodeProto) -> Array | None:
    if node.op_type != "Constant":
        return None
    for key, value in attributes(node).items():
        if key == "value":
            return numpy_helper.to_array(value)
        if key in ("value_int", "value_ints"):
            return np.array(value, dtype=np.int64)
        if key in ("value_float", "value_floats"):
            return np.array(value, dtype=np.float32)
    return None
