"""Matrix products on values of rank 4 whose channels are last, as ConvNeXt and Swin have them."""

import numpy as np
import pytest

from sparseprune import onnxruntime

# Where all extents are numbers, ONNX Runtime makes it a Gemm between two of Reshape.
AXES = [["N", "H", "W", 4], ["N", 3, 5, 4], [2, 3, "W", 4]]


def product(net, networks, x, inputs, outputs):
    """A product, most of its weights zero, and its bias."""
    w = networks.sparse(np.random.default_rng(5), (inputs, outputs), 0.7)
    return net.add("Add", net.add("MatMul", x, w), np.arange(outputs, dtype=np.float32))


def feed_forward(networks, axes):
    """A residual block of two layers with a number, a scale per channel, and a shift between."""
    net = networks.Network()
    x = net.add("Relu", product(net, networks, net.input("x", axes), 4, 4))
    y = net.add("Relu", product(net, networks, x, 4, 12))
    y = net.add("Mul", net.add("Add", y, np.float32(0.5)), networks.weight(1, 1, 1, 12))
    return net.serialize(net.add("Add", x, product(net, networks, y, 12, 4)))


@pytest.mark.parametrize("axes", AXES, ids=str)
def test_a_feed_forward_block_is_one_region(axes, networks, claims, decisions, assert_within):
    model = feed_forward(networks, axes)
    ours, nodes = claims(model)
    assert ours == nodes
    assert {row["region"] for row in decisions(model, min_sparsity=0.5)} == {0}
    session = onnxruntime.session(model, provider="sparseprune", min_sparsity=0.5)
    sizes = [(2, 3, 5)] if 3 in axes else [(2, 3, 5), (1, 1, 1), (3, 7, 2), (0, 3, 5)]
    for size in sizes:
        assert_within(session, model, {"x": networks.weight(*size, 4)})


def test_inputs_of_a_region_must_have_the_same_rows(networks):
    """What the model declares to be equal, by name, the session checks when it runs."""
    net = networks.Network()
    x, y = net.input("x", ["N", "H", "W", 4]), net.input("y", ["N", "H", "W", 6])
    model = net.serialize(net.add("Add", product(net, networks, x, 4, 6), y))
    session = onnxruntime.session(model, provider="sparseprune", min_sparsity=0.5)
    feeds = {"x": networks.weight(1, 2, 3, 4), "y": networks.weight(1, 3, 2, 6)}
    with pytest.raises(Exception, match=r"expected \[1, 2, 3\] tokens"):
        session.run(None, feeds)


# How a result of 4 x 4 x 4 x 4 goes on: nodes that are not of its rows.
def spread(net, networks, y):
    return net.add("Mul", y, net.add("ReduceMean", y, np.array([2, 3]), keepdims=1))


OTHERS = {
    "flatten": lambda net, networks, y: net.add("Flatten", y),
    "reshape": lambda net, networks, y: net.add("Reshape", y, np.array([0, -1])),
    "mean": lambda net, networks, y: net.add("ReduceMean", y, np.array([2, 3]), keepdims=0),
    "gate": spread,
    "shift of an axis": lambda net, networks, y: net.add("Add", y, networks.weight(4, 1, 1)),
    "concatenation": lambda net, networks, y: net.add("Concat", y, y, axis=1),
    "transpose": lambda net, networks, y: net.add("Transpose", y, perm=[0, 3, 1, 2]),
    "other transpose": lambda net, networks, y: net.add("Transpose", y, perm=[0, 2, 3, 1]),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_has_channels_elsewhere_is_left(case, networks, decisions, assert_close):
    net = networks.Network()
    y = product(net, networks, net.input("x", ["N", 4, 4, 4]), 4, 4)
    model = net.serialize(OTHERS[case](net, networks, y))
    *ours, last = decisions(model, min_sparsity=0.5)
    assert ours[0]["region"] == 0
    assert last["region"] == -1, last
    assert_close(model, {"x": networks.weight(4, 4, 4, 4)}, min_sparsity=0.5)


@pytest.mark.parametrize("convolution_first", [True, False])
def test_a_map_stays_a_map(convolution_first, networks, decisions, assert_close):
    """A product over the columns of a map: whoever comes first, the convolution is run here."""
    net = networks.Network()
    x = net.add("Relu", net.input("x", ["N", 4, 6, 4]))
    first, second = product, lambda net, networks, y, *_: net.sparse_conv(y)
    if convolution_first:
        first, second = second, first
    model = net.serialize(second(net, networks, first(net, networks, x, 4, 4), 4, 4))
    reasons = {row["op"]: row["reason"] for row in decisions(model, min_sparsity=0.5)}
    assert reasons["MatMul"] == "its input is a map, too"
    assert reasons["Conv"] == ""
    assert_close(model, {"x": networks.weight(2, 4, 6, 4)}, min_sparsity=0.5)


def test_between_convolutions(networks, decisions, assert_close):
    """A block of ConvNeXt without its normalization."""
    net = networks.Network()
    y = net.sparse_conv(net.input("x", ["N", 4, "H", "W"]))
    z = product(net, networks, net.add("Transpose", y, perm=[0, 2, 3, 1]), 4, 12)
    z = product(net, networks, net.add("Relu", z), 12, 4)
    z = net.add("Add", net.add("Transpose", z, perm=[0, 3, 1, 2]), y)
    model = net.serialize(net.sparse_conv(z))
    rows = decisions(model, min_sparsity=0.5)
    assert {row["op"] for row in rows if row["region"] < 0} <= {"Transpose", "Add"}
    assert all(row["region"] >= 0 for row in rows if row["op"] in ("Conv", "MatMul"))
    for size in ((1, 4, 5, 9), (3, 4, 2, 2)):
        assert_close(model, {"x": networks.weight(*size)}, min_sparsity=0.5)


def test_products_of_two_maps_are_said_to_be_that(networks, decisions):
    """Those of attention, which no weight takes part in."""
    net = networks.Network()
    x = net.sparse_conv(net.input("x", ["N", 4, 6, 6]))
    rows = decisions(net.serialize(net.add("MatMul", x, x)), min_sparsity=0.5)
    assert [row["reason"] for row in rows] == ["", "weight computed at run time"]
