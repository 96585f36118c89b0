"""Nodes the provider claims, one by one, and what it then answers."""

import numpy as np
import pytest

MAP = ("N", 4, 9, 11)
VECTOR = ("N", 6)
TOKENS = ("N", "T", 6)
NEAREST = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}


def weight(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def shape_of(*values):
    return np.array(values, np.int64)


def pool(operator, **attributes):
    return operator, [], attributes, MAP


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
    "max pool": pool("MaxPool", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 2, 1]),
    "max pool same": pool("MaxPool", kernel_shape=[3, 2], strides=[2, 2], auto_pad="SAME_LOWER"),
    "conv groups": ("Conv", [weight(6, 2, 3, 3)], {"group": 2}, MAP),
    "conv depthwise": ("Conv", [weight(8, 1, 3, 3), weight(8)], {"group": 4}, MAP),
    "matmul tokens": ("MatMul", [weight(6, 5)], {}, TOKENS),
    "average pool": pool("AveragePool", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 2, 1]),
    "average pool padding": pool(
        "AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1
    ),
    "average pool same": pool("AveragePool", kernel_shape=[2, 2], auto_pad="SAME_UPPER"),
    "relu": ("Relu", [], {}, MAP),
    "relu tokens": ("Relu", [], {}, TOKENS),
    "clip to relu": ("Clip", [np.float32(0)], {}, MAP),
    "clip to relu, infinity": ("Clip", [np.float32(0), np.float32(np.inf)], {}, VECTOR),
    "clip to relu6": ("Clip", [np.float32(0), np.float32(6)], {}, MAP),
    "sigmoid": ("Sigmoid", [], {}, MAP),
    "sigmoid tokens": ("Sigmoid", [], {}, TOKENS),
    "hard sigmoid": ("HardSigmoid", [], {}, MAP),
    "hard sigmoid of another line": ("HardSigmoid", [], {"alpha": 0.7, "beta": -0.2}, TOKENS),
    "hard swish": ("HardSwish", [], {}, MAP),
    "hard swish vector": ("HardSwish", [], {}, VECTOR),
    "softmax": ("Softmax", [], {}, VECTOR),
    "softmax axis": ("Softmax", [], {"axis": 1}, VECTOR),
    "softmax tokens": ("Softmax", [], {"axis": 2}, TOKENS),
    "batch norm": ("BatchNormalization", [*NORM], {"epsilon": 0.01}, MAP),
    "add channels": ("Add", [weight(1, 4, 1, 1)], {}, MAP),
    "sum channels": ("Sum", [weight(1, 4, 1, 1)], {}, MAP),
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


@pytest.mark.parametrize("name", SUPPORTED)
def test_supported_nodes_are_claimed(name, networks, claims, assert_close, plain_options):
    net, y, feeds = networks.one_node(SUPPORTED[name], follow=True)
    model = net.serialize(y)
    assert claims(model, options=plain_options()) == (2, 2)
    assert_close(model, feeds)
