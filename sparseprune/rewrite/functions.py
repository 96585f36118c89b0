"""What the compact operators mean, as ONNX functions of standard operators.

A runtime that does not know our operators runs these: the whole weight is rebuilt, once, because
all of it is constant and folded when the model is loaded.
"""

from collections.abc import Sequence
from typing import Any

import onnx
from onnx import helper

DOMAIN, VERSION = "sparseprune", 1
OPERATORS = ("SparseConv", "BitmaskConv", "SparseLinear", "BitmaskLinear")
# The first that has Constant's value_ints; every operator used here keeps its meaning since.
OLDEST_OPSET = 12
_WINDOW = ("strides", "pads", "dilations", "group")


def functions(names: Sequence[str], opset: int) -> list[onnx.FunctionProto]:
    """The functions called ``names`` for a model of ``opset``.

    A body has its model's opset: runtimes put it into the graph as it is.
    """
    return [_function(name, opset) for name in names]


def _function(name: str, opset: int) -> onnx.FunctionProto:
    index = "bitmask" if name.startswith("Bitmask") else "steps"
    conv = name.endswith("Conv")
    nodes = [*_inputs(), *(_from_bitmask() if index == "bitmask" else _from_steps())]
    return helper.make_function(
        DOMAIN,
        name,
        ["X", "values", index, "bias"],
        ["Y"],
        [*nodes, *(_conv() if conv else _linear())],
        [helper.make_opsetid("", opset)],
        attributes=["weight_shape", *(_WINDOW if conv else ())],
    )


def _from_steps() -> list[onnx.NodeProto]:
    """Steps -> positions, their running sum less one -> the weight "W"."""
    return [
        helper.make_node("Cast", ["steps"], ["distances"], to=onnx.TensorProto.INT64),
        _constant("first", value_int=0),
        helper.make_node("CumSum", ["distances", "first"], ["counted"]),
        _constant("one", value_int=1),
        helper.make_node("Sub", ["counted", "one"], ["positions"]),
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        _constant("vector", value_ints=[-1]),
        helper.make_node("Reshape", ["zeros", "vector"], ["empty"]),
        helper.make_node("ScatterElements", ["empty", "positions", "kept"], ["scattered"]),
        helper.make_node("Reshape", ["scattered", "shape"], ["W"]),
    ]


def _from_bitmask() -> list[onnx.NodeProto]:
    """Bitmask -> bits, each byte shifted by 0 to 7, and what is odd then -> the weight "W".

    The bits up to a kept weight count its value; what is not kept takes a zero put before them.
    NonZero would list the positions, but ONNX Runtime does not fold it from 1.27 on, and would
    rebuild the weight in every run.
    """
    shifts = helper.make_tensor("shifts", onnx.TensorProto.UINT8, [8], range(8))
    two = helper.make_tensor("two", onnx.TensorProto.UINT8, [], [2])
    return [
        _constant("column", value_ints=[-1, 1]),
        helper.make_node("Reshape", ["bitmask", "column"], ["bytes"]),
        _constant("shifts", value=shifts),
        helper.make_node("BitShift", ["bytes", "shifts"], ["shifted"], direction="RIGHT"),
        _constant("two", value=two),
        helper.make_node("Mod", ["shifted", "two"], ["bits"]),
        _constant("vector", value_ints=[-1]),
        helper.make_node("Reshape", ["bits", "vector"], ["row"]),
        helper.make_node("Cast", ["row"], ["marks"], to=onnx.TensorProto.INT32),
        _constant("first", value_int=0),
        helper.make_node("CumSum", ["marks", "first"], ["counted"]),
        helper.make_node("Mul", ["counted", "marks"], ["index"]),
        _constant("zero", value_floats=[0.0]),
        helper.make_node("Concat", ["zero", "kept"], ["choice"], axis=0),
        helper.make_node("Gather", ["choice", "index"], ["padded"]),
        _constant("start", value_ints=[0]),
        helper.make_node("ReduceProd", ["shape"], ["count"]),
        helper.make_node("Slice", ["padded", "start", "count"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["W"]),
    ]


def _inputs() -> list[onnx.NodeProto]:
    """The kept values in float32, and the weight's shape."""
    return [
        helper.make_node("Cast", ["values"], ["kept"], to=onnx.TensorProto.FLOAT),
        _reference(helper.make_node("Constant", [], ["shape"]), "value_ints", "weight_shape"),
    ]


def _conv() -> list[onnx.NodeProto]:
    node = helper.make_node("Conv", ["X", "W", "bias"], ["Y"])
    for name in _WINDOW:
        _reference(node, name, name)
    return [node]


def _linear() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Transpose", ["W"], ["columns"], perm=[1, 0]),
        helper.make_node("MatMul", ["X", "columns"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["Y"]),
    ]


def _constant(name: str, **value: Any) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], **value)


def _reference(node: onnx.NodeProto, attribute: str, function_attribute: str) -> onnx.NodeProto:
    """Let a node's attribute be that of the function's caller."""
    one = onnx.AttributeProto.INT if attribute == "group" else onnx.AttributeProto.INTS
    node.attribute.add(name=attribute, ref_attr_name=function_attribute, type=one)
    return node
