"""Which nodes the provider claims, and that what it leaves still runs."""

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from sparseprune import onnxruntime

MAP = ("N", 4, 9, 11)
VECTOR = ("N", 6)
TOKENS = ("N", "T", 6)
NEAREST = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
OTHER_VIEW = "does not keep the batch and merge the rest"
OTHER_LIMITS = "clips to other limits than 0 and 6"
OTHER_CONSTANT = "constant is not one value per channel"


def sparse_conv(net, networks, x, channels=4, **attributes):
    w = networks.sparse(np.random.default_rng(7), (4, channels, 3, 3), 0.8)
    return net.add("Conv", x, w, **{"pads": [1, 1, 1, 1], **attributes})


def plain_options():
    """No graph optimisation: the provider sees the nodes as written."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


def weight(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def shape_of(*values):
    return np.array(values, np.int64)


NORM = [weight(4), weight(4), weight(4), np.abs(weight(4))]

# Name: (operator, further inputs, attributes, shape of the first input).
SUPPORTED = {
    "conv": ("Conv", [weight(5, 4, 3, 2)], {"strides": [2, 1], "dilations": [1, 3]}, MAP),
    "conv bias": ("Conv", [weight(5, 4, 3, 2), weight(5)], {"pads": [0, 1, 2, 3]}, MAP),
    "conv same": ("Conv", [weight(5, 4, 3, 2)], {"auto_pad": "SAME_UPPER"}, MAP),
    "conv same stride": (
        "Conv",
        [weight(5, 4, 3, 2)],
        {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
        MAP,
    ),
    "conv same unknown size": (
        "Conv",
        [weight(5, 4, 3, 4)],
        {"auto_pad": "SAME_LOWER"},
        ("N", 4, "H", None),
    ),
    "conv valid": ("Conv", [weight(5, 4, 3, 2)], {"auto_pad": "VALID"}, MAP),
    "conv unknown size": ("Conv", [weight(5, 4, 3, 2)], {}, (None, 4, None, None)),
    "gemm": ("Gemm", [weight(6, 5)], {}, VECTOR),
    "gemm transposed": ("Gemm", [weight(5, 6), weight(5)], {"transB": 1}, VECTOR),
    "gemm row bias": ("Gemm", [weight(6, 5), weight(1, 5)], {}, VECTOR),
    "gemm scalar bias": ("Gemm", [weight(6, 5), weight(1)], {}, VECTOR),
    "gemm scaled": ("Gemm", [weight(6, 5), weight(5)], {"alpha": 0.3, "beta": -1.5}, VECTOR),
    "matmul": ("MatMul", [weight(6, 5)], {}, VECTOR),
    "max pool": (
        "MaxPool",
        [],
        {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 2, 1]},
        MAP,
    ),
    "max pool same": (
        "MaxPool",
        [],
        {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
        MAP,
    ),
    "conv groups": ("Conv", [weight(6, 2, 3, 3)], {"group": 2}, MAP),
    "conv depthwise": ("Conv", [weight(8, 1, 3, 3), weight(8)], {"group": 4}, MAP),
    "matmul tokens": ("MatMul", [weight(6, 5)], {}, TOKENS),
    "average pool": (
        "AveragePool",
        [],
        {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 2, 1]},
        MAP,
    ),
    "average pool padding": (
        "AveragePool",
        [],
        {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1},
        MAP,
    ),
    "average pool same": (
        "AveragePool",
        [],
        {"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER"},
        MAP,
    ),
    "relu": ("Relu", [], {}, MAP),
    "relu tokens": ("Relu", [], {}, TOKENS),
    "clip to relu": ("Clip", [np.float32(0)], {}, MAP),
    "clip to relu, infinity": ("Clip", [np.float32(0), np.float32(np.inf)], {}, VECTOR),
    "clip to relu6": ("Clip", [np.float32(0), np.float32(6)], {}, MAP),
    "sigmoid": ("Sigmoid", [], {}, MAP),
    "sigmoid tokens": ("Sigmoid", [], {}, TOKENS),
    "hard swish": ("HardSwish", [], {}, MAP),
    "hard swish vector": ("HardSwish", [], {}, VECTOR),
    "softmax": ("Softmax", [], {}, VECTOR),
    "softmax axis": ("Softmax", [], {"axis": 1}, VECTOR),
    "softmax tokens": ("Softmax", [], {"axis": 2}, TOKENS),
    "batch norm": ("BatchNormalization", [*NORM], {"epsilon": 0.01}, MAP),
    "add channels": ("Add", [weight(1, 4, 1, 1)], {}, MAP),
    "add number": ("Add", [weight(1)], {}, MAP),
    "add features": ("Add", [weight(6)], {}, VECTOR),
    "add features to tokens": ("Add", [weight(1, 1, 6)], {}, TOKENS),
    "subtract channels": ("Sub", [weight(4, 1, 1)], {}, MAP),
    "multiply channels": ("Mul", [weight(4, 1, 1)], {}, MAP),
    "divide by number": ("Div", [np.float32(7)], {}, VECTOR),
    "resize": ("Resize", ["", np.float32([1, 1, 2, 3])], NEAREST, MAP),
    "resize sizes": ("Resize", ["", "", shape_of(2, 4, 18, 11)], NEAREST, (2, 4, 9, 11)),
    "resize by the default rule": ("Resize", ["", np.float32([1, 1, 3, 2])], {}, MAP),
    "resize axes": ("Resize", ["", np.float32([2, 2])], {**NEAREST, "axes": [2, 3]}, MAP),
    "resize linear": ("Resize", ["", np.float32([1, 1, 2, 2])], {"mode": "linear"}, MAP),
    "resize linear, smaller": (
        "Resize",
        ["", "", shape_of(2, 4, 5, 7)],
        {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"},
        (2, 4, 9, 11),
    ),
    "resize corners": (
        "Resize",
        ["", "", shape_of(2, 4, 17, 30)],
        {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
        (2, 4, 9, 11),
    ),
    "relu vector": ("Relu", [], {}, VECTOR),
    "identity": ("Identity", [], {}, MAP),
    "global average": ("GlobalAveragePool", [], {}, MAP),
    "mean": ("ReduceMean", [shape_of(-1, 2)], {}, MAP),
    "mean dropped": ("ReduceMean", [shape_of(2, 3)], {"keepdims": 0}, MAP),
    "flatten": ("Flatten", [], {}, MAP),
    "flatten negative": ("Flatten", [], {"axis": -3}, MAP),
    "dropout": ("Dropout", [np.float32(0.3)], {}, MAP),
    "dropout, not training": ("Dropout", [np.float32(0.3), np.bool_(False)], {}, VECTOR),
    "squeeze": ("Squeeze", [shape_of(-1, 2)], {}, ("N", 4, 1, 1)),
    "transpose": ("Transpose", [], {"perm": [0, 2, 3, 1]}, MAP),
    "reshape": ("Reshape", [shape_of(0, -1)], {}, MAP),
    "reshape known features": ("Reshape", [shape_of(-1, 396)], {}, MAP),
    "reshape known batch": ("Reshape", [shape_of(2, -1)], {}, (2, 4, 9, 11)),
}

# ... and why not.
UNSUPPORTED = {
    "conv 1d": ("Conv", [weight(5, 4, 3)], {}, ("N", 4, 9), "1-D convolution"),
    "conv 3d": ("Conv", [weight(5, 4, 3, 3, 3)], {}, ("N", 4, 9, 9, 9), "3-D convolution"),
    "conv same unknown size": (
        "Conv",
        [weight(5, 4, 3, 3)],
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        ("N", 4, "H", "W"),
        "auto_pad of a size that is not known",
    ),
    "conv same that crops": (
        "Conv",
        [weight(5, 4, 3, 3)],
        {"auto_pad": "SAME_UPPER", "strides": [8, 10]},
        ("N", 4, 28, 28),
        "auto_pad that crops",
    ),
    "conv transpose": ("ConvTranspose", [weight(4, 5, 3, 3)], {}, MAP, "unsupported operation"),
    "gemm transposed input": ("Gemm", [weight(4, 5)], {"transA": 1}, (4, 4), "transposed input"),
    "gemm matrix bias": ("Gemm", [weight(6, 5), weight(2, 5)], {}, (2, 6), "bias is not a row"),
    "matmul of matrices": (
        "MatMul",
        [weight(1, 11, 5)],
        {},
        ("N", 4, 11),
        "weight is not a matrix",
    ),
    "matmul 4d": ("MatMul", [weight(11, 5)], {}, MAP, "input of rank 4"),
    "max pool ceil": ("MaxPool", [], {"kernel_shape": [2, 2], "ceil_mode": 1}, MAP, "ceil_mode"),
    "max pool dilated": (
        "MaxPool",
        [],
        {"kernel_shape": [2, 2], "dilations": [2, 2]},
        MAP,
        "dilated window",
    ),
    "max pool 1d": ("MaxPool", [], {"kernel_shape": [2]}, ("N", 4, 9), "1-D pooling"),
    "average pool ceil": (
        "AveragePool",
        [],
        {"kernel_shape": [2, 2], "ceil_mode": 1},
        MAP,
        "ceil_mode",
    ),
    "mean of one axis": (
        "ReduceMean",
        [shape_of(3)],
        {},
        MAP,
        "reduces other axes than height and width",
    ),
    "mean of all": ("ReduceMean", [], {}, MAP, "reduces all axes"),
    "flatten axis": ("Flatten", [], {"axis": 2}, MAP, "merges the batch with other axes"),
    "reshape other": ("Reshape", [shape_of(0, 2, -1)], {}, MAP, OTHER_VIEW),
    "reshape splits": ("Reshape", [shape_of(-1, 99)], {}, MAP, OTHER_VIEW),
    "squeeze unknown": (
        "Squeeze",
        [shape_of(2, 3)],
        {},
        ("N", 4, "one", "one"),
        "squeezes axes not known to be 1",
    ),
    "transpose other": (
        "Transpose",
        [],
        {"perm": [0, 1, 3, 2]},
        MAP,
        "not between channels last and channels first",
    ),
    "relu 5d": ("Relu", [], {}, ("N", 3, 6, 2, 2), "input of rank 5"),
    "clip other": ("Clip", [np.float32(-1), np.float32(6)], {}, MAP, OTHER_LIMITS),
    "clip below only": ("Clip", ["", np.float32(6)], {}, MAP, OTHER_LIMITS),
    "softmax channels": ("Softmax", [], {"axis": 1}, TOKENS, "not along the last axis"),
    "add map": ("Add", [weight(1, 4, 9, 11)], {}, MAP, OTHER_CONSTANT),
    "add columns": ("Add", [weight(11)], {}, MAP, OTHER_CONSTANT),
    "divide by zero": ("Div", [np.float32(0)], {}, MAP, "a constant that is not finite"),
    "resize unknown size": (
        "Resize",
        ["", np.float32([1, 1, 2, 2])],
        NEAREST,
        ("N", 4, "H", "W"),
        "the size of its input is not known",
    ),
    "resize by a fraction": (
        "Resize",
        ["", np.float32([1, 1, 1.3, 1.3])],
        {"mode": "linear"},
        MAP,
        "scales to a fraction of a position",
    ),
    "resize smaller": (
        "Resize",
        ["", "", shape_of(2, 4, 5, 7)],
        NEAREST,
        (2, 4, 9, 11),
        "nearest, not by whole factors",
    ),
    "resize cubic": ("Resize", ["", np.float32([1, 1, 2, 2])], {"mode": "cubic"}, MAP, "cubic"),
    "resize channels": (
        "Resize",
        ["", np.float32([1, 2, 2, 2])],
        NEAREST,
        MAP,
        "resizes other axes than height and width",
    ),
    "resize up": (
        "Resize",
        ["", np.float32([1, 1, 2, 2])],
        {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "ceil"},
        MAP,
        "another way of finding the nearest",
    ),
    "resize linear asymmetric": (
        "Resize",
        ["", np.float32([1, 1, 2, 2])],
        {"mode": "linear", "coordinate_transformation_mode": "asymmetric"},
        MAP,
        "another coordinate transformation",
    ),
    "dropout training": (
        "Dropout",
        [np.float32(0.0), np.bool_(True)],
        {},
        MAP,
        "training mode",
    ),
}


def one_node(networks, case, *, follow):
    """A sparse layer joined to the case by a sum or, with `follow`, before it."""
    op, further, attributes, axes = case[:4]
    net = networks.Network()
    x = net.input("x", list(axes))
    known = {"N": 2, "H": 9, "W": 11, "T": 3, None: 9, "one": 1}
    feeds = {"x": weight(*[known.get(a, a) for a in axes])}
    if follow and len(axes) == 4:
        x = sparse_conv(net, networks, x)
    elif follow:
        w = networks.sparse(np.random.default_rng(3), (axes[-1], axes[-1]), 0.7)
        x = net.add("MatMul", x, w)
    return net, net.add(op, x, *further, **attributes), feeds


@pytest.mark.parametrize("name", SUPPORTED)
def test_supported_nodes_are_claimed(name, networks, claims, run_all):
    net, y, feeds = one_node(networks, SUPPORTED[name], follow=True)
    model = net.serialize(y)
    assert claims(model, options=plain_options()) == (2, 2)
    compare(model, feeds, run_all)


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported_nodes_are_left(name, networks, claims, decisions, run_all):
    net, y, feeds = one_node(networks, UNSUPPORTED[name], follow=False)
    model = net.serialize(y)
    assert claims(model, options=plain_options(), min_sparsity=0)[0] == 0
    (node,) = decisions(model, options=plain_options(), min_sparsity=0)
    assert (node["region"], node["reason"]) == (-1, UNSUPPORTED[name][4])
    compare(model, feeds, run_all)


def compare(model, feeds, run_all):
    ours = run_all(onnxruntime.session(model, provider="sparseprune", min_sparsity=0), feeds)
    theirs = run_all(onnxruntime.session(model, provider="cpu"), feeds)
    for name, expected in theirs.items():
        assert ours[name].shape == expected.shape
        # The bounds are test_differential's; here a wrong operation would be far off.
        np.testing.assert_allclose(ours[name], expected, rtol=1e-4, atol=1e-4)


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
    x = net.add("Conv", net.input("x", ["N", 3, 9, 9]), weight(4, 3, 3, 3))
    x = net.add("Relu", sparse_conv(net, networks, net.add("Relu", x)))
    assert claims(net.serialize(net.add("Conv", x, weight(2, 4, 1, 1)))) == (5, 5)


FAR = 2**63 - 1
# What a model may declare and no engine can add up: (shape of the input, attributes).
FAR_OUT = {
    "extents": (["N", 4, FAR, FAR], {}),
    "extents padded": (["N", 4, FAR, FAR], {"pads": [1, 1, 1, 1]}),
    "extents and pads": (["N", 4, FAR - 2**31, FAR - 2**31], {"pads": [2**30] * 4}),
    "extents same": (["N", 4, FAR, FAR], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "extents same far": (["N", 4, FAR, FAR], {"auto_pad": "SAME_LOWER", "strides": [2**62] * 2}),
    "extents beyond the engine": (["N", 4, 2**30 + 1, 9], {"pads": [1, 1, 1, 1]}),
    "batch": ([FAR, 4, 9, 9], {}),
    "pads": (["N", 4, "H", "W"], {"pads": [FAR] * 4}),
    "sum of pads": (["N", 4, "H", "W"], {"pads": [2**62] * 4}),
    "strides": (["N", 4, "H", "W"], {"strides": [FAR, FAR]}),
    "dilations": (["N", 4, "H", "W"], {"dilations": [FAR, FAR]}),
}


@pytest.mark.parametrize("name", FAR_OUT)
def test_far_out_sizes_are_left_to_the_cpu_provider(name, networks, claims, run_all):
    """The same answer, or the same complaint at the same moment, as without our provider."""
    axes, attributes = FAR_OUT[name]
    net = networks.Network()
    w = networks.sparse(np.random.default_rng(7), (4, 4, 3, 3), 0.8)
    model = net.serialize(net.add("Conv", net.input("x", axes), w, **attributes))

    def outcome(provider):
        try:
            session = onnxruntime.session(model, provider=provider)
        except onnxruntime.InputError as error:
            return "load", str(error)
        try:
            return "answer", *run_all(session, {"x": weight(2, 4, 9, 9)}).values()
        except Exception as error:
            return "run", str(error)

    ours, theirs = outcome("sparseprune"), outcome("cpu")
    assert ours[0] == theirs[0]
    if ours[0] == "answer":
        np.testing.assert_array_equal(ours[1], theirs[1])
    else:
        assert ours[1] == theirs[1]
    if ours[0] != "load":
        assert claims(model)[0] == 0


def test_far_out_sums_are_left_to_the_cpu_provider(networks, claims):
    net = networks.Network()
    x = net.input("x", ["N", 4, FAR, FAR])
    w = networks.sparse(np.random.default_rng(7), (4, 4, 1, 1), 0.8)
    y = net.add("Conv", x, w)
    model = net.serialize(net.add("Relu", net.add("Add", y, net.add("Conv", x, w))))
    assert claims(model, options=plain_options()) == (0, 4)


def test_glue_before_the_first_layer_is_left(networks, claims):
    net = networks.Network()
    x = net.add("MaxPool", net.input("x", ["N", 4, 9, 9]), kernel_shape=[2, 2])
    y = sparse_conv(net, networks, net.add("Relu", x))
    assert claims(net.serialize(net.add("Relu", y)), options=plain_options()) == (2, 4)


@pytest.mark.parametrize("axes", [["N", 4, "H", "W"], ["N", 4, None, None], [None, 4, 8, 9]])
def test_strided_residual_block_of_unknown_size_is_claimed(axes, networks, claims, assert_within):
    net = networks.Network()
    x = net.input("x", axes)
    main = sparse_conv(net, networks, sparse_conv(net, networks, x, strides=[2, 2]))
    shortcut = net.add("Conv", x, weight(4, 4, 1, 1), strides=[2, 2])
    model = net.serialize(net.add("Relu", net.add("Add", main, shortcut)))
    assert claims(model) == (5, 5)
    session = onnxruntime.session(model, provider="sparseprune")
    assert_within(session, model, {"x": weight(2, 4, 8, 9)})


def test_sum_that_may_broadcast_is_left(networks, claims, run_all):
    net = networks.Network()
    a, b = net.input("a", ["N", 4, "H", "W"]), net.input("b", ["N", 4, None, None])
    model = net.serialize(net.add("Add", sparse_conv(net, networks, a), b))
    assert claims(model) == (1, 2)
    compare(model, {"a": weight(2, 4, 5, 6), "b": weight(2, 4, 1, 1)}, run_all)


def test_branch_left_in_between_does_not_split_its_neighbours(networks, claims):
    """Topological order puts the foreign node between two claimed ones."""
    net = networks.Network()
    x = sparse_conv(net, networks, net.input("x", ["N", 4, 9, 9]))
    other = net.add("Neg", x)
    y = sparse_conv(net, networks, x)
    model = net.serialize(net.add("Relu", y), other)
    assert claims(model) == (3, 4)
    assert subgraphs(onnxruntime.session(model, provider="sparseprune")) == 1


def test_path_through_a_foreign_node_makes_two_subgraphs(networks, claims, assert_within):
    net = networks.Network()
    x = sparse_conv(net, networks, net.input("x", ["N", 4, 9, 9]))
    y = sparse_conv(net, networks, net.add("Neg", x))
    model = net.serialize(net.add("Add", x, y))
    assert claims(model) == (3, 4)
    session = onnxruntime.session(model, provider="sparseprune")
    assert subgraphs(session) == 2
    assert_within(session, model, {"x": weight(2, 4, 9, 9)})


def test_several_inputs_and_outputs(networks, claims, assert_within):
    net = networks.Network()
    a, b = net.input("a", ["N", 4, 9, 9]), net.input("b", ["N", 4, 9, 9])
    x, y = sparse_conv(net, networks, a), sparse_conv(net, networks, b)
    total = net.add("Add", x, y)
    model = net.serialize(total, x, net.add("Relu", total))
    assert claims(model) == (4, 4)
    feeds = {"a": weight(2, 4, 9, 9), "b": -weight(2, 4, 9, 9)}
    assert_within(onnxruntime.session(model, provider="sparseprune"), model, feeds)


def test_identity_may_repeat_an_output(networks, claims, assert_within):
    net = networks.Network()
    x = sparse_conv(net, networks, net.input("x", ["N", 4, 9, 9]))
    model = net.serialize(x, net.add("Identity", x), net.add("Relu", x))
    assert claims(model, options=plain_options())[0] == 3
    session = onnxruntime.session(model, provider="sparseprune", options=plain_options())
    assert_within(session, model, {"x": weight(2, 4, 9, 9)})


@pytest.mark.parametrize("reads", ["as output", "as input"])
def test_a_sum_is_no_bias_where_the_product_is_read_by_another_name(
    networks, claims, assert_within, reads
):
    net = networks.Network()
    product = net.add("MatMul", net.input("x", ["N", 6]), weight(6, 5) * (weight(6, 5) > 0))
    total = net.add("Add", net.add("Identity", product), weight(5))
    model = net.serialize(total, product if reads == "as output" else net.add("Relu", product))
    assert claims(model, min_sparsity=0, options=plain_options())[0] >= 3
    arguments = {"provider": "sparseprune", "min_sparsity": 0, "options": plain_options()}
    assert_within(onnxruntime.session(model, **arguments), model, {"x": weight(3, 6)})


def test_weight_computed_at_run_time_is_left(networks, claims):
    net = networks.Network()
    x, w = net.input("x", ["N", 4, 9, 9]), net.input("w", [4, 4, 3, 3])
    assert claims(net.serialize(net.add("Conv", x, w)), min_sparsity=0) == (0, 1)


def test_weight_a_caller_may_replace_is_left(networks, claims, run_all):
    """An initializer that is also a graph input is only a default."""
    net = networks.Network()
    y = sparse_conv(net, networks, net.input("x", ["N", 4, 9, 9]))
    net.input(net.constants[0].name, [4, 4, 3, 3])
    model = net.serialize(y)
    assert claims(model) == (0, 1)
    feeds = {"x": weight(1, 4, 9, 9), net.constants[0].name: weight(4, 4, 3, 3)}
    compare(model, feeds, run_all)


def test_shared_weight_that_is_an_output_too(networks, claims, run_all):
    net = networks.Network()
    w = net.constant(networks.sparse(np.random.default_rng(0), (4, 4, 3, 3), 0.8))
    x = net.add("Conv", net.input("x", ["N", 4, 9, 9]), w)
    model = net.serialize(net.add("Conv", x, w), w)
    assert claims(model) == (2, 2)
    compare(model, {"x": weight(1, 4, 9, 9)}, run_all)


def test_double_precision_is_left(claims):
    x = helper.make_tensor_value_info("x", TensorProto.DOUBLE, [1, 6])
    y = helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    w = numpy_helper.from_array(np.zeros((6, 5)), "w")
    graph = helper.make_graph([node], "g", [x], [y], [w])
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    assert claims(model) == (0, 1)


def test_bodies_of_if_and_what_they_read(networks, claims, run_all):
    """The body reads a claimed node's output, which it does not name as an input."""
    net = networks.Network()
    x = sparse_conv(net, networks, net.input("x", ["N", 4, 9, 9]))
    empty = [helper.make_tensor_value_info("body", TensorProto.FLOAT, None)]

    def body(op):
        return helper.make_graph([helper.make_node(op, [x], ["body"])], op, [], empty)

    condition = net.add("ReduceMax", x, keepdims=0)
    condition = net.add("Greater", condition, np.float32(0))
    chosen = net.add("If", condition, then_branch=body("Neg"), else_branch=body("Relu"))
    y = sparse_conv(net, networks, chosen)
    model = net.serialize(net.add("Add", y, x))
    assert claims(model)[0] >= 2
    compare(model, {"x": weight(1, 4, 9, 9)}, run_all)
