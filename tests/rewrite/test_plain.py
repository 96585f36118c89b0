"""Compact nodes become standard ones again, or are refused by name."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sparseprune import rewrite
from sparseprune.errors import InputError


@pytest.fixture(scope="module")
def small():
    """One SparseLinear, "gemm"."""
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["y"], name="gemm")],
        "g",
        [info("x", TensorProto.FLOAT, [3, 60])],
        [info("y", TensorProto.FLOAT, [3, 60])],
        [numpy_helper.from_array(np.eye(60, dtype=np.float32), "w")],
    )
    opsets = [helper.make_opsetid("", 17)]
    return rewrite.compact(helper.make_model(graph, opset_imports=opsets, ir_version=8))


def copied(model):
    made = onnx.ModelProto()
    made.CopyFrom(model)
    return made


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.steps", lambda a: a * 0, "a step is 0"),
        ("w.steps", lambda a: a[:-1], "steps are uint8"),
        ("w.values", lambda a: a[:0], "must be vectors, not empty"),
    ],
)
def test_damaged_compact_nodes_are_named(name, content, message, small):
    made = copied(small)
    (tensor,) = (t for t in made.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(content(numpy_helper.to_array(tensor)), name))
    with pytest.raises(InputError, match=rf"node 'gemm' \(SparseLinear\): .*{message}"):
        rewrite.plain(made)


def test_a_shape_beyond_the_formats_limit_is_refused(small):
    made = copied(small)
    (shape,) = (a for a in made.graph.node[0].attribute if a.name == "weight_shape")
    shape.ints[:] = [2**20, 2**20]
    with pytest.raises(InputError, match="weight_shape is"):
        rewrite.plain(made)


def test_nodes_of_other_inputs_or_attributes_are_refused(small):
    made = copied(small)
    made.graph.node[0].input.append("x")
    with pytest.raises(InputError, match=r"'gemm' \(SparseLinear\): expected four inputs, got 5"):
        rewrite.plain(made)
    made = copied(small)
    (shape,) = (a for a in made.graph.node[0].attribute if a.name == "weight_shape")
    shape.CopyFrom(helper.make_attribute("weight_shape", 3))
    with pytest.raises(InputError, match="got a damaged one"):
        rewrite.plain(made)
