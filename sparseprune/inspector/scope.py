"""The constants a graph's nodes can see, followed through the nodes that only rearrange them."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from sparseprune.errors import InputError
from sparseprune.inspector import tensors
from sparseprune.inspector.tensors import Mask

# Quantised and transposed weights are a few nodes away from their constant; a hostile graph may be
# a ring of them.
_FARTHEST = 8


class Scope:
    """The constants of one graph, and those of the graphs around it."""

    def __init__(self, graph: onnx.GraphProto, folder: Path, outer: "Scope | None" = None) -> None:
        self.graph, self.folder, self._outer = graph, folder, outer
        self._dense = {tensor.name: tensor for tensor in graph.initializer}
        self._sparse = {tensor.values.name: tensor for tensor in graph.sparse_initializer}
        self._makers = {output: node for node in graph.node for output in node.output}

    def tensor(self, name: str) -> onnx.TensorProto | None:
        """An initializer; None if it is no dense one."""
        if name in self._dense or self._outer is None:
            return self._dense.get(name)
        return self._outer.tensor(name)

    def kept(self, name: str, hops: int = _FARTHEST) -> Mask | None:
        """Which elements of a value are not zero; None if it is no constant that we follow.

        Raises:
            InputError: the constant is damaged.
        """
        if name in self._dense:
            return tensors.kept(self._dense[name], self.folder)
        if name in self._sparse:
            return tensors.sparse(self._sparse[name], self.folder)
        if name in self._makers:
            return self._made(self._makers[name], hops - 1) if hops else None
        return self._outer.kept(name, hops) if self._outer is not None else None

    def _made(self, node: onnx.NodeProto, hops: int) -> Mask | None:
        values = attributes(node)
        if node.op_type == "Constant" and "value" in values:
            return tensors.kept(values["value"], self.folder)
        if node.op_type == "Constant" and "sparse_value" in values:
            return tensors.sparse(values["sparse_value"], self.folder)
        if node.op_type in ("Identity", "Cast") and node.input:
            return self.kept(node.input[0], hops)
        if node.op_type == "Transpose" and node.input:
            found = self.kept(node.input[0], hops)
            return None if found is None else _transposed(found, values.get("perm"))
        if node.op_type == "DequantizeLinear" and node.input:
            return self._dequantized(node, values.get("axis", 1))
        return None

    def _dequantized(self, node: onnx.NodeProto, axis: int) -> Mask | None:
        """A quantised weight is zero where it equals its zero point."""
        stored = self.tensor(node.input[0])
        if stored is None:
            return None
        levels = tensors.array(stored, self.folder)
        point = self.tensor(node.input[2]) if len(node.input) > 2 else None
        points = np.zeros((), levels.dtype) if point is None else tensors.array(point, self.folder)
        if points.size > 1 and points.ndim == 1 and -levels.ndim <= axis < levels.ndim:
            points = points.reshape([-1, *[1] * (levels.ndim - 1 - axis % levels.ndim)])
        try:
            mask: Mask = np.asarray(levels != np.broadcast_to(points, levels.shape))
        except ValueError as error:
            raise InputError(f"tensor {stored.name!r}: its zero points do not fit it") from error
        return mask


# The types of the attributes that are read.
_TYPES = {
    "axis": onnx.AttributeProto.INT,
    "group": onnx.AttributeProto.INT,
    "perm": onnx.AttributeProto.INTS,
    "sparse_value": onnx.AttributeProto.SPARSE_TENSOR,
    "transB": onnx.AttributeProto.INT,
    "value": onnx.AttributeProto.TENSOR,
    "weight_shape": onnx.AttributeProto.INTS,
}


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Those attributes of a node that say how its weight is stored and read, by name.

    Raises:
        InputError: one is of another type than ONNX gives it.
    """
    found = {}
    for attribute in node.attribute:
        if attribute.name in _TYPES:
            if attribute.type != _TYPES[attribute.name]:
                raise InputError(f"node {node.name!r}: its {attribute.name} is of another type")
            found[attribute.name] = helper.get_attribute_value(attribute)
    return found


def _transposed(mask: Mask, order: list[int] | None) -> Mask:
    try:
        return mask.transpose(order)
    except ValueError as error:
        raise InputError(f"expected an order of {mask.ndim} axes, got {order}") from error
