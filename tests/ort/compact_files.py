"""Small compact files, each with the plain network that it stands for."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sparseprune.rewrite.compact import declare

WINDOW = {"strides": [1, 1], "pads": [0, 0, 0, 0], "dilations": [1, 1], "group": 1}
OPERATORS = ("SparseConv", "BitmaskConv", "SparseLinear", "BitmaskLinear")


def steps(weight, dtype=np.uint8):
    """(values, steps); gaps too long for the type are bridged by stored zeros."""
    flat, longest = weight.reshape(-1), np.iinfo(dtype).max
    values, found, last = [], [], -1
    for position in np.flatnonzero(flat):
        while position - last > longest:
            values.append(0)
            found.append(longest)
            last += longest
        values.append(flat[position])
        found.append(position - last)
        last = position
    return np.array(values or [0], weight.dtype), np.array(found or [1], dtype)


def bitmask(weight):
    """(values, bitmask); of a weight of nothing but zeros the first is stored."""
    flat = weight.reshape(-1)
    kept = flat != 0
    kept[0] |= not kept.any()
    return flat[kept], np.packbits(kept, bitorder="little")


class Twins:
    """A network built twice: of compact layers, and of plain ones. Values are pairs of names."""

    def __init__(self, networks):
        self.compact, self.plain = networks.Network(opset=17), networks.Network(opset=17)

    def input(self, axes, name="x"):
        return self.compact.input(name, axes), self.plain.input(name, axes)

    def add(self, op, *inputs, **attributes):
        """The same node in both; arrays become constants."""
        pairs = [i if isinstance(i, tuple) else (i, i) for i in inputs]
        return tuple(
            net.add(op, *sides, **attributes)
            for net, sides in zip((self.compact, self.plain), zip(*pairs, strict=True), strict=True)
        )

    def layer(self, op, x, weight, bias, *, index=np.uint8, **window):
        """A compact layer; the weight's type is that of the stored values."""
        stored = steps(weight, index) if op.startswith("Sparse") else bitmask(weight)
        dense = weight.astype(np.float32)
        if op.endswith("Conv"):
            window = {**WINDOW, **window}
            plain = self.plain.add("Conv", x[1], dense, bias, **window)
        else:
            product = self.plain.add("MatMul", x[1], np.ascontiguousarray(dense.T))
            plain = self.plain.add("Add", product, bias)
        attributes = {"weight_shape": weight.shape, **window}
        name = self.compact.add(op, x[0], *stored, bias, domain="sparseprune", **attributes)
        return name, plain

    def serialize(self, output, *, functions=True):
        """(compact, plain); without ``functions`` only our library can run the first."""
        proto = onnx.load_from_string(self.compact.serialize(output[0]))
        declare(proto)
        if not functions:
            del proto.functions[:]
        return proto.SerializeToString(), self.plain.serialize(output[1])


def one_layer(networks, op, weight, bias, axes, *, functions=True, **attributes):
    """(compact, plain): one layer that reads ``x`` of shape ``axes``."""
    twins = Twins(networks)
    output = twins.layer(op, twins.input(axes), weight, bias, **attributes)
    return twins.serialize(output, functions=functions)


def bare(op, tensors, attributes, axes):
    """A file of one compact node made of whatever is given, right or wrong, without functions.

    ``tensors``: values, steps or bitmask, bias; a string instead of an array is a graph input.
    """
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, axes)]
    names, stored = ["x"], []
    for index, tensor in enumerate(tensors):
        names.append(f"t{index}" if isinstance(tensor, np.ndarray) else tensor)
        if isinstance(tensor, np.ndarray):
            stored.append(numpy_helper.from_array(tensor, names[-1]))
        else:
            inputs.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, None))
    node = helper.make_node(op, names, ["y"], "the layer", domain="sparseprune", **attributes)
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node], "bare", inputs, outputs, stored)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("sparseprune", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
