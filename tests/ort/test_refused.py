"""Nodes the provider leaves, and the reason it gives."""

import numpy as np
import pytest

MAP = ("N", 4, 9, 11)
VECTOR = ("N", 6)
TOKENS = ("N", "T", 6)
NEAREST = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
OTHER_VIEW = "does not keep the batch and merge the rest"
OTHER_LIMITS = "clips to other limits than 0 and 6"
OTHER_CONSTANT = "constant is not one value per channel"


def weight(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def shape_of(*values):
    return np.array(values, np.int64)


def resize(scales, attributes, reason):
    return "Resize", ["", np.float32(scales)], attributes, MAP, reason


# Name: (operator, further inputs, attributes, shape of the first input, reason).
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
    "matmul 5d": ("MatMul", [weight(2, 5)], {}, ("N", 3, 6, 2, 2), "input of rank 5"),
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
    "sum of one": ("Sum", [], {}, MAP, "unsupported operation"),
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
    "resize by a fraction": resize(
        [1, 1, 1.3, 1.3], {"mode": "linear"}, "scales to a fraction of a position"
    ),
    "resize smaller": (
        "Resize",
        ["", "", shape_of(2, 4, 5, 7)],
        NEAREST,
        (2, 4, 9, 11),
        "nearest, not by whole factors",
    ),
    "resize cubic": resize([1, 1, 2, 2], {"mode": "cubic"}, "cubic"),
    "resize channels": resize([1, 2, 2, 2], NEAREST, "resizes other axes than height and width"),
    "resize up": resize(
        [1, 1, 2, 2],
        {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "ceil"},
        "another way of finding the nearest",
    ),
    "resize linear asymmetric": resize(
        [1, 1, 2, 2],
        {"mode": "linear", "coordinate_transformation_mode": "asymmetric"},
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


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported_nodes_are_left(name, networks, claims, decisions, assert_close, plain_options):
    net, y, feeds = networks.one_node(UNSUPPORTED[name], follow=False)
    model = net.serialize(y)
    assert claims(model, options=plain_options(), min_sparsity=0)[0] == 0
    (node,) = decisions(model, options=plain_options(), min_sparsity=0)
    assert (node["region"], node["reason"]) == (-1, UNSUPPORTED[name][4])
    assert_close(model, feeds)
