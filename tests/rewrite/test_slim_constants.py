"""Channels that are one number for every input leave where a bias can hold what they add."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from sparseprune.errors import InputError
from sparseprune.rewrite import slim


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("Relu", {}),
        ("Sigmoid", {}),
        ("Tanh", {}),
        ("Elu", {"alpha": 0.7}),
        ("LeakyRelu", {"alpha": 0.3}),
        ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}),
        ("Softplus", {}),
        ("Softsign", {}),
        ("Exp", {}),
        ("Abs", {}),
        ("Neg", {}),
    ],
)
def test_a_constant_channel_goes_into_the_bias_of_who_reads_it(graphs, kind, attributes):
    m = graphs.Maker(3)
    weight, bias = m.rng.normal(size=(6, 3, 3, 3)), m.rng.normal(size=6)
    weight[:2] = 0
    x = m.node("Conv", "x", m.constant(weight), m.constant(bias))
    x = m.node(kind, x, **attributes)
    y = m.conv(x, 6, 4, pad=False, bias=False)
    model = m.model(m.gemm(m.pooled(y), 4, 3))
    graphs.check(model, [(4, 3, 3, 3), (4, 4, 3, 3), (3, 4)])


def test_gelu_mish_and_hard_swish_of_constants(graphs):
    m = graphs.Maker(3, opset=20)
    weight, bias = m.rng.normal(size=(6, 3, 3, 3)), m.rng.normal(size=6)
    weight[:2] = 0
    x = m.node("Conv", "x", m.constant(weight), m.constant(bias))
    for kind in ("Gelu", "Mish", "HardSwish", "Erf"):
        x = m.node(kind, x)
    x = m.node("Gelu", x, approximate="tanh")
    model = m.model(m.conv(x, 6, 4, pad=False))
    slimmed = check_weights(graphs, model, [(4, 3, 3, 3), (4, 4, 3, 3)])
    for expected, got in zip(graphs.answers(model), graphs.answers(slimmed), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def check_weights(graphs, model, expected):
    slimmed = slim(model, round_to=1)
    assert graphs.weights(slimmed) == expected
    return slimmed


@pytest.mark.parametrize(
    "attributes", [{"pads": [0, 0, 0, 1]}, {"auto_pad": "SAME_UPPER"}, {"pads": [1, 1, 1, 1]}]
)
def test_a_constant_channel_before_padding_stays(graphs, attributes):
    m = graphs.Maker(3)
    weight, bias = m.rng.normal(size=(6, 3, 3, 3)), m.rng.normal(size=6)
    weight[:3] = 0
    bias[0] = 0
    x = m.node("Conv", "x", m.constant(weight), m.constant(bias))
    x = m.node("Conv", x, m.constant(m.rng.normal(size=(4, 6, 3, 3))), **attributes)
    graphs.check(m.model(x), [(5, 3, 3, 3), (4, 5, 3, 3)])


def constant_channels(m):
    """Six channels: 0 is zero, 1 and 2 are other constants."""
    weight, bias = m.rng.normal(size=(6, 3, 3, 3)), m.rng.normal(size=6)
    weight[:3] = 0
    bias[0] = 0
    return m.node("Conv", "x", m.constant(weight), m.constant(bias))


@pytest.mark.parametrize(("padded", "kept"), [(0, 3), (1, 5)])
def test_a_depthwise_layer_moves_constants_unless_it_pads(graphs, padded, kept):
    m = graphs.Maker(3)
    x = m.conv(constant_channels(m), 6, 6, groups=6, pad=bool(padded))
    # Channel 0 becomes its bias either way.
    model = m.model(m.conv(m.node("Relu", x), 6, 4, k=1))
    graphs.check(model, [(kept, 3, 3, 3), (kept, 1, 3, 3), (4, kept, 1, 1)])


@pytest.mark.parametrize(("counted", "kept"), [(0, 3), (1, 5)])
def test_a_mean_that_counts_padding_ends_a_constant(graphs, counted, kept):
    m = graphs.Maker(3)
    x = constant_channels(m)
    settings = {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": counted}
    x = m.node("AveragePool", x, **settings)
    graphs.check(m.model(m.conv(x, 6, 4, k=1)), [(kept, 3, 3, 3), (4, kept, 1, 1)])


@pytest.mark.parametrize(("kind", "kept"), [("ReduceMax", 3), ("ReduceL2", 5)])
def test_reductions_over_positions(graphs, kind, kept):
    m = graphs.Maker(3)
    x = m.node(kind, constant_channels(m), axes=[3, -2], keepdims=0)
    graphs.check(m.model(m.gemm(x, 6, 4)), [(kept, 3, 3, 3), (4, kept)])


def test_a_norm_moves_constants_and_loses_its_numbers(graphs):
    m = graphs.Maker(4)
    x = m.conv("x", 3, 6, dead=(0, 1), bias=False)
    scale, shift = m.rng.normal(size=6), m.rng.normal(size=6)
    mean, variance = m.rng.normal(size=6), m.rng.uniform(0.5, 2, 6)
    scale[2] = shift[2] = 0
    shift[0] = mean[0] * scale[0] / np.sqrt(variance[0] + 1e-5)
    numbers = [m.constant(array) for array in (scale, shift, mean, variance)]
    x = m.node("Relu", m.node("BatchNormalization", x, *numbers))
    model = m.model(m.conv(x, 6, 4, pad=False))
    slimmed = graphs.check(model, [(3, 3, 3, 3), (4, 3, 3, 3)])
    assert graphs.shapes(slimmed)[numbers[0]] == (3,)


@pytest.mark.parametrize("mode", ["constant", "edge"])
def test_padding_with_another_number_ends_a_constant(graphs, mode):
    m = graphs.Maker(11)
    weight, bias = m.rng.normal(size=(6, 3, 3, 3)), m.rng.normal(size=6)
    weight[:2] = 0
    x = m.node("Conv", "x", m.constant(weight), m.constant(bias))
    x = m.node("Pad", x, m.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1])), mode=mode)
    model = m.model(m.conv(x, 6, 2, pad=False))
    if mode == "constant":
        with pytest.raises(InputError, match="no channel can leave"):
            slim(model, round_to=1)
    else:
        graphs.check(model, [(4, 3, 3, 3), (2, 4, 3, 3)])


def test_a_copy_of_a_constant_is_a_constant(graphs):
    m = graphs.Maker(12)
    x = m.conv("x", 3, 6, dead=(0, 1))
    copy = m.node("Identity", m.node("Identity", m.constant(m.rng.normal(size=(4, 6, 1, 1)))))
    slimmed = slim(m.model(m.node("Conv", x, copy)), round_to=1)
    assert graphs.weights(slimmed) == [(4, 3, 3, 3), (4, 4, 1, 1)]
    assert [node.op_type for node in slimmed.graph.node] == ["Conv", "Conv"]
    assert len(slimmed.graph.initializer) == 3
    graphs.assert_same(m.model(m.nodes[-1].output[0]), slimmed)


def test_constants_that_nodes_move(graphs):
    m = graphs.Maker(12, shape=(None, 5))
    first, second = m.rng.normal(size=(6, 5)), m.rng.normal(size=(3, 6))
    bias = m.rng.normal(size=6)
    first[:2], bias[:2] = 0, 0
    x = m.node("MatMul", "x", m.node("Transpose", m.constant(first)))
    x = m.node("Add", x, m.node("Unsqueeze", m.constant(bias), m.constant(np.array([0]))))
    x = m.node("MatMul", x, m.node("Transpose", m.constant(second), perm=[1, 0]))
    model = m.model(x)
    slimmed = slim(model, round_to=1)
    assert graphs.weights(slimmed) == [(5, 4), (4, 3)]
    graphs.assert_same(model, slimmed)


def test_a_gemm_with_factors_and_a_scalar_bias(graphs):
    m = graphs.Maker(13, shape=(None, 5))
    first, second = m.rng.normal(size=(5, 6)), m.rng.normal(size=(6, 3))
    first[:, [1, 2]] = 0
    x = m.node("Gemm", "x", m.constant(first), m.constant([0.7]), alpha=0.5, beta=2.0)
    x = m.node("Sigmoid", x)
    bias = m.constant(m.rng.normal(size=(1, 3)))
    graphs.check(
        m.model(m.node("Gemm", x, m.constant(second), bias, alpha=1.5, beta=0.5)), [(5, 4), (4, 3)]
    )


def test_a_default_of_an_input_is_no_constant(graphs):
    m = graphs.Maker(15)
    x = m.conv("x", 3, 6, dead=(0, 4))
    model = m.model(m.conv(x, 6, 2))
    name = model.graph.node[0].input[1]
    port = helper.make_tensor_value_info(name, TensorProto.DOUBLE, (6, 3, 3, 3))
    model.graph.input.append(port)
    with pytest.raises(InputError, match="no channel can leave"):
        slim(model, round_to=1)
    # Before IR version 4 every constant had to be listed like that.
    model.ir_version = 3
    for tensor in model.graph.initializer:
        if tensor.name != name:
            model.graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
    slimmed = slim(model, round_to=1)
    assert graphs.weights(slimmed) == [(4, 3, 3, 3), (2, 4, 3, 3)]
    assert [port.name for port in slimmed.graph.input] == ["x"]


def test_constants_in_nodes_and_names_of_others_domains(graphs):
    m = graphs.Maker(16)
    x = m.conv("x", 3, 6, dead=(0, 4))
    weight = numpy_helper.from_array(m.rng.normal(size=(2, 6, 1, 1)))
    held = m.node("Constant", value=weight)
    model = m.model(m.node("Conv", x, held))
    slimmed = slim(model, round_to=1)
    assert graphs.weights(slimmed) == [(4, 3, 3, 3), (2, 4, 1, 1)]
    graphs.assert_same(model, slimmed)
    model.graph.node[-1].domain = "some.other"
    with pytest.raises(InputError, match="no channel can leave"):
        slim(model, round_to=1)
