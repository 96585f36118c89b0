"""What the compact form leaves as it is: layers and uses of weights that it does not know."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sparseprune import rewrite


def inner(name):
    """A subgraph that reads ``name`` of the graph around it."""
    node = helper.make_node("MatMul", ["x", name], ["z"])
    return helper.make_graph(
        [node], "inner", [], [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]
    )


def gemm(**options):
    return helper.make_node("Gemm", ["x", "w"], ["y"], name="gemm", **options)


def with_output(proto):
    proto.graph.output.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [60, 60]))


def with_input(proto):
    proto.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [60, 60]))


def with_reader(proto):
    proto.graph.node.append(helper.make_node("Relu", ["w"], ["r"], name="relu"))


def with_subgraph(proto):
    condition = numpy_helper.from_array(np.array(True), "c")
    proto.graph.initializer.append(condition)
    proto.graph.node.append(
        helper.make_node("If", ["c"], ["r"], then_branch=inner("w"), else_branch=inner("w"))
    )


def with_other_orientation(proto):
    proto.graph.node.append(helper.make_node("Gemm", ["x", "w"], ["r"], transB=1))


@pytest.mark.parametrize(
    "change", [with_output, with_input, with_reader, with_subgraph, with_other_orientation]
)
def test_weights_that_are_used_in_other_ways_stay(change, nets):
    proto = nets.model([gemm()], [3, 60], [3, 60], {"w": nets.pruned(60, 60)})
    change(proto)
    onnx.checker.check_model(proto, full_check=True)
    assert rewrite.compact(proto) == proto


@pytest.mark.parametrize(
    "node",
    [
        gemm(transA=1),
        gemm(alpha=0.0),
        helper.make_node("Gemm", ["x", "w", "x"], ["y"]),
        helper.make_node("MatMul", ["w", "x"], ["y"]),
        helper.make_node("Add", ["x", "w"], ["y"]),
        helper.make_node("Gemm", ["x", "w"], ["y"], domain="foreign"),
    ],
)
def test_nodes_that_are_not_understood_stay(node, nets):
    proto = nets.model([node], [60, 60], [60, 60], {"w": nets.pruned(60, 60)})
    proto.opset_import.add(domain="foreign", version=1)
    assert rewrite.compact(proto) == proto


def test_padding_that_depends_on_an_open_size_stays(nets):
    node = helper.make_node(
        "Conv", ["x", "w"], ["y"], name="conv", auto_pad="SAME_UPPER", strides=[2, 2]
    )
    proto = nets.model([node], [1, 8, "h", "w"], None, {"w": nets.pruned(40, 8, 3, 3)})
    assert rewrite.compact(proto) == proto


@pytest.mark.parametrize(
    ("shape", "window"), [((20, 4, 3, 3, 3), {}), ((40, 8, 3, 3), {"pads": [-1, 0, 0, 0]})]
)
def test_convolutions_our_library_refuses_stay(shape, window, nets):
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="conv", **window)
    x = [1, shape[1], *(6 for _ in shape[2:])]
    proto = nets.model([node], x, [None] * len(x), {"w": nets.pruned(*shape)})
    assert rewrite.compact(proto) == proto


def test_a_vector_times_a_matrix_stays(nets):
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    proto = nets.model([node], [60], [50], {"w": nets.pruned(60, 50)})
    assert rewrite.compact(proto) == proto


def test_nodes_inside_subgraphs_stay(nets):
    proto = nets.model([], [3, 60], [3, 60], {"c": np.array(True)})
    branch = inner("v")
    branch.initializer.append(numpy_helper.from_array(nets.pruned(60, 60), "v"))
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    proto.graph.node.append(node)
    assert rewrite.compact(proto) == proto
