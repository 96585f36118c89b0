"""Which parts of a network the provider claims, and that what it leaves still runs."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from sparseprune import onnxruntime


def subgraphs(session):
    names = [part.ep_name for part in session.get_provider_graph_assignment_info()]
    return names.count(onnxruntime.PROVIDER)


@pytest.mark.parametrize(
    ("sparsity", "asked", "claimed"),
    [(0.6, 0.5, 1), (0.4, 0.5, 0), (0.4, 0.4, 1), (0.9, 0.95, 0), (0.0, 0, 1)],
)
def test_min_sparsity_decides(sparsity, asked, claimed, networks, claims):
    net = networks.Network()
    w = networks.sparse(np.random.default_rng(0), (10, 4, 5, 5), sparsity)
    model = net.serialize(net.add("Conv", net.input("x", ["N", 4, 9, 9]), w))
    assert claims(model, min_sparsity=asked) == (claimed, 1)


def test_dense_layers_join_a_sparse_one(networks, claims):
    net = networks.Network()
    x = net.add("Conv", net.input("x", ["N", 3, 9, 9]), networks.weight(4, 3, 3, 3))
    x = net.add("Relu", net.sparse_conv(net.add("Relu", x)))
    assert claims(net.serialize(net.add("Conv", x, networks.weight(2, 4, 1, 1)))) == (5, 5)


def test_glue_before_the_first_layer_is_left(networks, claims, plain_options):
    net = networks.Network()
    x = net.add("MaxPool", net.input("x", ["N", 4, 9, 9]), kernel_shape=[2, 2])
    y = net.sparse_conv(net.add("Relu", x))
    assert claims(net.serialize(net.add("Relu", y)), options=plain_options()) == (2, 4)


@pytest.mark.parametrize("op", ["Add", "Sum"])
@pytest.mark.parametrize("axes", [["N", 4, "H", "W"], ["N", 4, None, None], [None, 4, 8, 9]])
def test_strided_residual_block_of_unknown_size_is_claimed(
    axes, op, networks, claims, assert_within
):
    net = networks.Network()
    x = net.input("x", axes)
    main = net.sparse_conv(net.sparse_conv(x, strides=[2, 2]))
    shortcut = net.add("Conv", x, networks.weight(4, 4, 1, 1), strides=[2, 2])
    model = net.serialize(net.add("Relu", net.add(op, main, shortcut)))
    assert claims(model) == (5, 5)
    session = onnxruntime.session(model, provider="sparseprune")
    assert_within(session, model, {"x": networks.weight(2, 4, 8, 9)})


def test_sum_that_may_broadcast_is_left(networks, claims, assert_close):
    net = networks.Network()
    a, b = net.input("a", ["N", 4, "H", "W"]), net.input("b", ["N", 4, None, None])
    model = net.serialize(net.add("Add", net.sparse_conv(a), b))
    assert claims(model) == (1, 2)
    assert_close(model, {"a": networks.weight(2, 4, 5, 6), "b": networks.weight(2, 4, 1, 1)})


def test_branch_left_in_between_does_not_split_its_neighbours(networks, claims):
    """Topological order puts the foreign node between two claimed ones."""
    net = networks.Network()
    x = net.sparse_conv(net.input("x", ["N", 4, 9, 9]))
    other = net.add("Neg", x)
    y = net.sparse_conv(x)
    model = net.serialize(net.add("Relu", y), other)
    assert claims(model) == (3, 4)
    assert subgraphs(onnxruntime.session(model, provider="sparseprune")) == 1


def test_path_through_a_foreign_node_makes_two_subgraphs(networks, claims, assert_within):
    net = networks.Network()
    x = net.sparse_conv(net.input("x", ["N", 4, 9, 9]))
    y = net.sparse_conv(net.add("Neg", x))
    model = net.serialize(net.add("Add", x, y))
    assert claims(model) == (3, 4)
    session = onnxruntime.session(model, provider="sparseprune")
    assert subgraphs(session) == 2
    assert_within(session, model, {"x": networks.weight(2, 4, 9, 9)})


def test_several_inputs_and_outputs(networks, claims, assert_within):
    net = networks.Network()
    a, b = net.input("a", ["N", 4, 9, 9]), net.input("b", ["N", 4, 9, 9])
    x, y = net.sparse_conv(a), net.sparse_conv(b)
    total = net.add("Add", x, y)
    model = net.serialize(total, x, net.add("Relu", total))
    assert claims(model) == (4, 4)
    feeds = {"a": networks.weight(2, 4, 9, 9), "b": -networks.weight(2, 4, 9, 9)}
    assert_within(onnxruntime.session(model, provider="sparseprune"), model, feeds)


def test_identity_may_repeat_an_output(networks, claims, assert_within, plain_options):
    net = networks.Network()
    x = net.sparse_conv(net.input("x", ["N", 4, 9, 9]))
    model = net.serialize(x, net.add("Identity", x), net.add("Relu", x))
    assert claims(model, options=plain_options())[0] == 3
    session = onnxruntime.session(model, provider="sparseprune", options=plain_options())
    assert_within(session, model, {"x": networks.weight(2, 4, 9, 9)})


@pytest.mark.parametrize("reads", ["as output", "as input"])
def test_a_sum_is_no_bias_where_the_product_is_read_by_another_name(
    networks, claims, assert_within, plain_options, reads
):
    net = networks.Network()
    matrix = networks.weight(6, 5)
    product = net.add("MatMul", net.input("x", ["N", 6]), matrix * (matrix > 0))
    total = net.add("Add", net.add("Identity", product), networks.weight(5))
    model = net.serialize(total, product if reads == "as output" else net.add("Relu", product))
    assert claims(model, min_sparsity=0, options=plain_options())[0] >= 3
    arguments = {"provider": "sparseprune", "min_sparsity": 0, "options": plain_options()}
    assert_within(onnxruntime.session(model, **arguments), model, {"x": networks.weight(3, 6)})


def test_weight_computed_at_run_time_is_left(networks, claims):
    net = networks.Network()
    x, w = net.input("x", ["N", 4, 9, 9]), net.input("w", [4, 4, 3, 3])
    assert claims(net.serialize(net.add("Conv", x, w)), min_sparsity=0) == (0, 1)


def test_weight_a_caller_may_replace_is_left(networks, claims, assert_close):
    """An initializer that is also a graph input is only a default."""
    net = networks.Network()
    y = net.sparse_conv(net.input("x", ["N", 4, 9, 9]))
    net.input(net.constants[0].name, [4, 4, 3, 3])
    model = net.serialize(y)
    assert claims(model) == (0, 1)
    feeds = {"x": networks.weight(1, 4, 9, 9), net.constants[0].name: networks.weight(4, 4, 3, 3)}
    assert_close(model, feeds)


def test_shared_weight_that_is_an_output_too(networks, claims, assert_close):
    net = networks.Network()
    w = net.constant(networks.sparse(np.random.default_rng(0), (4, 4, 3, 3), 0.8))
    x = net.add("Conv", net.input("x", ["N", 4, 9, 9]), w)
    model = net.serialize(net.add("Conv", x, w), w)
    assert claims(model) == (2, 2)
    assert_close(model, {"x": networks.weight(1, 4, 9, 9)})


def test_double_precision_is_left(claims):
    x = helper.make_tensor_value_info("x", TensorProto.DOUBLE, [1, 6])
    y = helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    w = numpy_helper.from_array(np.zeros((6, 5)), "w")
    graph = helper.make_graph([node], "g", [x], [y], [w])
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    assert claims(model) == (0, 1)


def test_bodies_of_if_and_what_they_read(networks, claims, assert_close):
    """The body reads a claimed node's output, which it does not name as an input."""
    net = networks.Network()
    x = net.sparse_conv(net.input("x", ["N", 4, 9, 9]))
    empty = [helper.make_tensor_value_info("body", TensorProto.FLOAT, None)]

    def body(op):
        return helper.make_graph([helper.make_node(op, [x], ["body"])], op, [], empty)

    condition = net.add("ReduceMax", x, keepdims=0)
    condition = net.add("Greater", condition, np.float32(0))
    chosen = net.add("If", condition, then_branch=body("Neg"), else_branch=body("Relu"))
    y = net.sparse_conv(chosen)
    model = net.serialize(net.add("Add", y, x))
    assert claims(model)[0] >= 2
    assert_close(model, {"x": networks.weight(1, 4, 9, 9)})
