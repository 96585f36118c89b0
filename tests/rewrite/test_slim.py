"""Channels that carry nothing leave a graph; what it answers stays, and what that needs."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from sparseprune.errors import InputError
from sparseprune.rewrite import slim


class Maker:
    """A graph written down node by node; weights are drawn, and some channels of them are zero."""

    def __init__(self, seed=0, opset=17, shape=(None, 3, 8, 8)):
        self.rng = np.random.default_rng(seed)
        self.opset, self.shape = opset, shape
        self.nodes, self.constants, self.count = [], [], 0

    def name(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    def constant(self, array, dtype=np.float64):
        array = np.asarray(array)
        name = self.name("c")
        kept = array if array.dtype.kind in "ib" else array.astype(dtype)
        self.constants.append(numpy_helper.from_array(kept, name))
        return name

    def node(self, kind, *inputs, outputs=1, **attributes):
        names = [self.name(kind.lower()) for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def conv(self, x, inputs, outputs, *, k=3, pad=True, dead=(), bias=True, groups=1, **more):
        weight = self.rng.normal(size=(outputs, inputs // groups, k, k))
        shift = self.rng.normal(size=outputs)
        weight[list(dead)], shift[list(dead)] = 0, 0
        args = [x, self.constant(weight), *([self.constant(shift)] if bias else [])]
        pads = [k // 2 if pad else 0] * 4
        return self.node("Conv", *args, pads=pads, group=groups, **more)

    def gemm(self, x, inputs, outputs, *, dead=()):
        weight, bias = self.rng.normal(size=(outputs, inputs)), self.rng.normal(size=outputs)
        weight[list(dead)], bias[list(dead)] = 0, 0
        return self.node("Gemm", x, self.constant(weight), self.constant(bias), transB=1)

    def pooled(self, x):
        return self.node("Flatten", self.node("GlobalAveragePool", x))

    def model(self, output):
        port = helper.make_tensor_value_info("x", TensorProto.DOUBLE, self.shape)
        result = helper.make_empty_tensor_value_info(output)  # inference fills it in
        graph = helper.make_graph(self.nodes, "g", [port], [result], self.constants)
        imports = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=imports, ir_version=8)
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
        onnx.checker.check_model(model, full_check=True)
        return model


def shapes(model):
    return {t.name: tuple(t.dims) for t in model.graph.initializer}


def weights(model):
    """Shapes of the weights of layers, in order."""
    stored = shapes(model)
    kinds = ("Conv", "ConvTranspose", "Gemm", "MatMul")
    return [stored[n.input[1]] for n in model.graph.node if n.op_type in kinds]


def answers(model, batch=2):
    dims = model.graph.input[0].type.tensor_type.shape.dim
    shape = [d.dim_value or batch for d in dims]
    x = np.random.default_rng(9).normal(size=shape)
    return ReferenceEvaluator(model).run(None, {"x": x})


def assert_same(model, slimmed):
    """Equal in double precision to far less than any channel adds."""
    onnx.checker.check_model(slimmed, full_check=True)
    for expected, got in zip(answers(model), answers(slimmed), strict=True):
        scale = np.abs(expected).max()
        assert scale > 0
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-11 * scale)


def check(model, expected, *, round_to=1):
    """Slimming leaves these weights and the same answers; the model given stays as it was."""
    before = model.SerializeToString()
    slimmed = slim(model, round_to=round_to)
    assert model.SerializeToString() == before
    assert weights(slimmed) == expected
    assert_same(model, slimmed)
    return slimmed


def test_a_chain_loses_filters_and_what_reads_them():
    m = Maker()
    x = m.node("Relu", m.conv("x", 3, 8, dead=(1, 2, 5)))
    x = m.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = m.node("Flatten", x)
    model = m.model(m.gemm(x, 8 * 16, 4))
    check(model, [(5, 3, 3, 3), (4, 5 * 16)])


@pytest.mark.parametrize(("round_to", "kept"), [(1, 5), (2, 6), (3, 6), (4, 8), (8, 8), (32, 8)])
def test_sizes_are_rounded_up_with_channels_that_could_leave(round_to, kept):
    m = Maker()
    x = m.node("Relu", m.conv("x", 3, 8, dead=(1, 2, 5)))
    x = m.node("Relu", m.conv(x, 8, 32, dead=range(31)))
    model = m.model(m.conv(x, 32, 4))
    second = min(32, round_to)
    wanted = [(kept, 3, 3, 3), (second, kept, 3, 3), (4, second, 3, 3)]
    if round_to == 32:
        with pytest.raises(InputError, match="no channel can leave in steps of 32"):
            slim(model, round_to=32)
    else:
        check(model, wanted, round_to=round_to)


def test_a_channel_nobody_reads_leaves():
    m = Maker()
    x = m.node("Relu", m.conv("x", 3, 8))
    weight = m.rng.normal(size=(4, 8, 1, 1))
    weight[:, [0, 3]] = 0
    model = m.model(m.node("Conv", x, m.constant(weight)))
    check(model, [(6, 3, 3, 3), (4, 6, 1, 1)])


def test_what_only_dead_channels_read_leaves_too():
    m = Maker()
    x = m.node("Relu", m.conv("x", 3, 6))
    weight = m.rng.normal(size=(5, 6, 1, 1))
    weight[:3, :2] = 0  # inputs 0 and 1 are read by outputs 3 and 4 alone, which nobody reads
    y = m.node("Relu", m.node("Conv", x, m.constant(weight)))
    last = m.rng.normal(size=(2, 5, 1, 1))
    last[:, 3:] = 0
    model = m.model(m.node("Conv", y, m.constant(last)))
    check(model, [(4, 3, 3, 3), (3, 4, 1, 1), (2, 3, 1, 1)])


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
def test_a_constant_channel_goes_into_the_bias_of_who_reads_it(kind, attributes):
    m = Maker(3)
    weight, bias = m.rng.normal(size=(6, 3, 3, 3)), m.rng.normal(size=6)
    weight[:2] = 0
    x = m.node("Conv", "x", m.constant(weight), m.constant(bias))
    x = m.node(kind, x, **attributes)
    y = m.conv(x, 6, 4, pad=False, bias=False)
    model = m.model(m.gemm(m.pooled(y), 4, 3))
    check(model, [(4, 3, 3, 3), (4, 4, 3, 3), (3, 4)])


def test_gelu_mish_and_hard_swish_of_constants():
    m = Maker(3, opset=20)
    weight, bias = m.rng.normal(size=(6, 3, 3, 3)), m.rng.normal(size=6)
    weight[:2] = 0
    x = m.node("Conv", "x", m.constant(weight), m.constant(bias))
    for kind in ("Gelu", "Mish", "HardSwish", "Erf"):
        x = m.node(kind, x)
    x = m.node("Gelu", x, approximate="tanh")
    model = m.model(m.conv(x, 6, 4, pad=False))
    slimmed = check_weights(model, [(4, 3, 3, 3), (4, 4, 3, 3)])
    for expected, got in zip(answers(model), answers(slimmed), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def check_weights(model, expected):
    slimmed = slim(model, round_to=1)
    assert weights(slimmed) == expected
    return slimmed


@pytest.mark.parametrize(
    "attributes", [{"pads": [0, 0, 0, 1]}, {"auto_pad": "SAME_UPPER"}, {"pads": [1, 1, 1, 1]}]
)
def test_a_constant_channel_before_padding_stays(attributes):
    m = Maker(3)
    weight, bias = m.rng.normal(size=(6, 3, 3, 3)), m.rng.normal(size=6)
    weight[:3] = 0
    bias[0] = 0
    x = m.node("Conv", "x", m.constant(weight), m.constant(bias))
    x = m.node("Conv", x, m.constant(m.rng.normal(size=(4, 6, 3, 3))), **attributes)
    check(m.model(x), [(5, 3, 3, 3), (4, 5, 3, 3)])


def constant_channels(m):
    """Six channels: 0 is zero, 1 and 2 are other constants."""
    weight, bias = m.rng.normal(size=(6, 3, 3, 3)), m.rng.normal(size=6)
    weight[:3] = 0
    bias[0] = 0
    return m.node("Conv", "x", m.constant(weight), m.constant(bias))


@pytest.mark.parametrize(("padded", "kept"), [(0, 3), (1, 5)])
def test_a_depthwise_layer_moves_constants_unless_it_pads(padded, kept):
    m = Maker(3)
    x = m.conv(constant_channels(m), 6, 6, groups=6, pad=bool(padded))
    # Channel 0 becomes its bias either way.
    model = m.model(m.conv(m.node("Relu", x), 6, 4, k=1))
    check(model, [(kept, 3, 3, 3), (kept, 1, 3, 3), (4, kept, 1, 1)])


@pytest.mark.parametrize(("counted", "kept"), [(0, 3), (1, 5)])
def test_a_mean_that_counts_padding_ends_a_constant(counted, kept):
    m = Maker(3)
    x = constant_channels(m)
    settings = {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": counted}
    x = m.node("AveragePool", x, **settings)
    check(m.model(m.conv(x, 6, 4, k=1)), [(kept, 3, 3, 3), (4, kept, 1, 1)])


@pytest.mark.parametrize(("kind", "kept"), [("ReduceMax", 3), ("ReduceL2", 5)])
def test_reductions_over_positions(kind, kept):
    m = Maker(3)
    x = m.node(kind, constant_channels(m), axes=[3, -2], keepdims=0)
    check(m.model(m.gemm(x, 6, 4)), [(kept, 3, 3, 3), (4, kept)])


def test_a_norm_moves_constants_and_loses_its_numbers():
    m = Maker(4)
    x = m.conv("x", 3, 6, dead=(0, 1), bias=False)
    scale, shift = m.rng.normal(size=6), m.rng.normal(size=6)
    mean, variance = m.rng.normal(size=6), m.rng.uniform(0.5, 2, 6)
    scale[2] = shift[2] = 0
    shift[0] = mean[0] * scale[0] / np.sqrt(variance[0] + 1e-5)
    numbers = [m.constant(array) for array in (scale, shift, mean, variance)]
    x = m.node("Relu", m.node("BatchNormalization", x, *numbers))
    model = m.model(m.conv(x, 6, 4, pad=False))
    slimmed = check(model, [(3, 3, 3, 3), (4, 3, 3, 3)])
    assert shapes(slimmed)[numbers[0]] == (3,)


def test_a_sum_ties_channels():
    m = Maker(5)
    x = m.node("Relu", m.conv("x", 3, 8, dead=(0, 1, 2, 3)))
    branch = m.conv(m.node("Relu", m.conv(x, 8, 8, dead=(5,))), 8, 8, dead=(2, 3, 4))
    x = m.node("Relu", m.node("Add", x, branch))
    model = m.model(m.conv(x, 8, 2))
    check(model, [(6, 3, 3, 3), (7, 6, 3, 3), (6, 7, 3, 3), (2, 6, 3, 3)])


def test_a_sum_with_the_input_keeps_all():
    m = Maker(5)
    x = m.node("Add", "x", m.conv("x", 3, 3, dead=(0, 1)))
    with pytest.raises(InputError, match="no channel can leave"):
        slim(m.model(m.conv(x, 3, 2)), round_to=1)


def test_depthwise_convolutions_lose_groups():
    m = Maker(6)
    x = m.node("Relu", m.conv("x", 3, 6, dead=(0,)))
    x = m.conv(x, 6, 12, groups=6, dead=(2, 3, 9))  # two outputs for every input
    model = m.model(m.conv(m.node("Relu", x), 12, 5, k=1))
    slimmed = check(model, [(4, 3, 3, 3), (8, 1, 3, 3), (5, 8, 1, 1)])
    assert helper.get_node_attr_value(slimmed.graph.node[2], "group") == 4


def test_a_zero_depthwise_filter_frees_what_made_its_input():
    m = Maker(6)
    x = m.node("Relu", m.conv("x", 3, 6))
    weight, bias = m.rng.normal(size=(6, 1, 3, 3)), m.rng.normal(size=6)
    weight[[1, 4]] = 0
    x = m.node("Conv", x, m.constant(weight), m.constant(bias), group=6)
    model = m.model(m.conv(x, 6, 5, k=1))
    check(model, [(4, 3, 3, 3), (4, 1, 3, 3), (5, 4, 1, 1)])


def test_groups_keep_one_size_or_leave_whole():
    m = Maker(7)
    x = m.node("Relu", m.conv("x", 3, 12, dead=(0, 1, 2, 3, 8)))
    weight, bias = m.rng.normal(size=(9, 4, 3, 3)), m.rng.normal(size=9)
    weight[[0, 1, 2, 4]], bias[[0, 1, 2, 4]] = 0, 0
    x = m.node("Relu", m.node("Conv", x, m.constant(weight), m.constant(bias), group=3))
    model = m.model(m.conv(x, 9, 2, k=1))
    # Group 0 leaves; groups 1 and 2 keep 4 inputs and 3 outputs each.
    slimmed = check(model, [(8, 3, 3, 3), (6, 4, 3, 3), (2, 6, 1, 1)])
    assert helper.get_node_attr_value(slimmed.graph.node[2], "group") == 2


def test_concatenations_and_what_splits_them():
    m = Maker(8)
    left, right = m.conv("x", 3, 4, dead=(0,)), m.conv("x", 3, 6, dead=(2, 3))
    x = m.node("Concat", left, right, "x", axis=1)
    a, b = m.node("Split", x, m.constant(np.array([5, 8])), outputs=2, axis=1)
    c = m.conv(a, 5, 2, k=1)
    d = m.conv(b, 8, 2, k=1)
    model = m.model(m.node("Add", c, d))
    check(model, [(3, 3, 3, 3), (4, 3, 3, 3), (2, 4, 1, 1), (2, 6, 1, 1)])


def test_equal_parts_of_a_split_become_unequal():
    m = Maker(8, opset=18)
    x = m.conv("x", 3, 8, dead=(0, 1, 6))
    parts = m.node("Split", x, outputs=2, axis=1, num_outputs=2)
    ends = [m.conv(part, 4, 2, k=1) for part in parts]
    check(m.model(m.node("Add", *ends)), [(5, 3, 3, 3), (2, 2, 1, 1), (2, 3, 1, 1)])


def test_channels_chosen_by_number():
    m = Maker(8)
    x = m.conv("x", 3, 6, dead=(1, 4))
    x = m.node("Gather", x, m.constant(np.array([5, 4, 0, -3, 0])), axis=1)
    # 1 and 2 are not among those chosen; 4 is dead.
    check(m.model(m.conv(x, 5, 2, k=1)), [(3, 3, 3, 3), (2, 4, 1, 1)])


@pytest.mark.parametrize("flat", [[0, -1], [-1, 96], [0, 96]])
def test_reshape_to_a_vector(flat):
    m = Maker(9, shape=(None, 3, 4, 4))
    x = m.node("Relu", m.conv("x", 3, 6, dead=(0, 4)))
    x = m.node("Reshape", x, m.constant(np.array(flat)))
    slimmed = check(m.model(m.gemm(x, 96, 3)), [(4, 3, 3, 3), (3, 64)])
    assert [d.dim_value for d in slimmed.graph.input[0].type.tensor_type.shape.dim[1:]] == [3, 4, 4]


def traced_view(m, x, *, asked=0, last=-1):
    """x.view(x.size(asked), last) as tracers write it."""
    size = m.node("Gather", m.node("Shape", x), m.constant(np.array(asked)), axis=0)
    size = m.node("Unsqueeze", size, m.constant(np.array([0])))
    return m.node("Reshape", x, m.node("Concat", size, m.constant(np.array([last])), axis=0))


def test_a_view_whose_batch_is_asked_for_when_it_runs():
    m = Maker(9, shape=(None, 3, 4, 4))
    x = traced_view(m, m.node("Relu", m.conv("x", 3, 6, dead=(0, 4))))
    check(m.model(m.gemm(x, 96, 3)), [(4, 3, 3, 3), (3, 64)])


@pytest.mark.parametrize(("asked", "last"), [(0, 96), (2, -1)])
def test_a_view_that_is_not_understood_keeps_channels(asked, last):
    m = Maker(9, shape=(4, 3, 4, 4))
    x = m.node("Relu", m.conv("x", 3, 6, dead=(0, 4)))
    x = traced_view(m, x, asked=asked, last=last)
    with pytest.raises(InputError, match="no channel can leave"):
        slim(m.model(m.node("ReduceSum", x, m.constant(np.array([0])))), round_to=1)


def test_positions_before_channels():
    m = Maker(9, shape=(2, 3, 4, 4))
    x = m.node("Transpose", m.conv("x", 3, 6, dead=(0, 4)), perm=[0, 2, 3, 1])
    x = m.node("Reshape", x, m.constant(np.array([2, 96])))
    check(m.model(m.gemm(x, 96, 3)), [(4, 3, 3, 3), (3, 64)])


def test_tokens_with_channels_last():
    m = Maker(9, shape=(None, 5, 6))
    first, second = m.rng.normal(size=(6, 8)), m.rng.normal(size=(8, 3))
    bias = m.rng.normal(size=8)
    first[:, :3], bias[:3] = 0, 0
    x = m.node("MatMul", "x", m.constant(first))
    x = m.node("Relu", m.node("Add", x, m.constant(bias)))
    check(m.model(m.node("MatMul", x, m.constant(second))), [(6, 5), (5, 3)])


def test_squeeze_and_excitation():
    m = Maker(10)
    x = m.conv("x", 3, 8, dead=(0, 1))
    gate = m.node("ReduceMean", x, axes=[2, 3], keepdims=0)
    gate = m.gemm(m.node("Relu", m.gemm(gate, 8, 4, dead=(2,))), 4, 8)
    gate = m.node("Reshape", m.node("Sigmoid", gate), m.constant(np.array([-1, 8, 1, 1])))
    x = m.node("Mul", x, gate)
    model = m.model(m.conv(x, 8, 2))
    check(model, [(6, 3, 3, 3), (3, 6), (6, 3), (2, 6, 3, 3)])


def test_a_map_of_attention_meets_all_channels():
    m = Maker(10)
    x = m.conv("x", 3, 8, dead=(0, 1))
    x = m.node("Mul", m.node("Sigmoid", m.conv(x, 8, 1)), x)
    check(m.model(m.conv(x, 8, 2)), [(6, 3, 3, 3), (1, 6, 3, 3), (2, 6, 3, 3)])


def test_transposed_convolutions_and_resizing():
    m = Maker(11)
    x = m.conv("x", 3, 6, dead=(0, 4))
    weight = m.rng.normal(size=(6, 5, 2, 2))
    weight[:, [1, 2]] = 0
    x = m.node("ConvTranspose", x, m.constant(weight), strides=[2, 2])
    x = m.node("Resize", x, "", m.constant(np.array([1, 1, 2, 2], np.float32), np.float32))
    x = m.node("Pad", x, m.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1])))
    check(m.model(m.conv(x, 5, 2)), [(4, 3, 3, 3), (4, 3, 2, 2), (2, 3, 3, 3)])


@pytest.mark.parametrize("mode", ["constant", "edge"])
def test_padding_with_another_number_ends_a_constant(mode):
    m = Maker(11)
    weight, bias = m.rng.normal(size=(6, 3, 3, 3)), m.rng.normal(size=6)
    weight[:2] = 0
    x = m.node("Conv", "x", m.constant(weight), m.constant(bias))
    x = m.node("Pad", x, m.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1])), mode=mode)
    model = m.model(m.conv(x, 6, 2, pad=False))
    if mode == "constant":
        with pytest.raises(InputError, match="no channel can leave"):
            slim(model, round_to=1)
    else:
        check(model, [(4, 3, 3, 3), (2, 4, 3, 3)])


def test_a_weight_that_two_layers_share_is_cut_for_each():
    m = Maker(12)
    shared = m.constant(m.rng.normal(size=(6, 6, 1, 1)))
    x = m.conv("x", 3, 6, dead=(0, 1))
    x = m.node("Relu", m.node("Conv", x, shared))
    x = m.node("Relu", m.node("Conv", x, shared))
    slimmed = check(m.model(x), [(4, 3, 3, 3), (6, 4, 1, 1), (6, 6, 1, 1)])
    assert len({t.name for t in slimmed.graph.initializer}) == len(slimmed.graph.initializer)


def test_a_copy_of_a_constant_is_a_constant():
    m = Maker(12)
    x = m.conv("x", 3, 6, dead=(0, 1))
    copy = m.node("Identity", m.node("Identity", m.constant(m.rng.normal(size=(4, 6, 1, 1)))))
    slimmed = slim(m.model(m.node("Conv", x, copy)), round_to=1)
    assert weights(slimmed) == [(4, 3, 3, 3), (4, 4, 1, 1)]
    assert [node.op_type for node in slimmed.graph.node] == ["Conv", "Conv"]
    assert len(slimmed.graph.initializer) == 3
    assert_same(m.model(m.nodes[-1].output[0]), slimmed)


def test_constants_that_nodes_move():
    m = Maker(12, shape=(None, 5))
    first, second = m.rng.normal(size=(6, 5)), m.rng.normal(size=(3, 6))
    bias = m.rng.normal(size=6)
    first[:2], bias[:2] = 0, 0
    x = m.node("MatMul", "x", m.node("Transpose", m.constant(first)))
    x = m.node("Add", x, m.node("Unsqueeze", m.constant(bias), m.constant(np.array([0]))))
    x = m.node("MatMul", x, m.node("Transpose", m.constant(second), perm=[1, 0]))
    model = m.model(x)
    slimmed = slim(model, round_to=1)
    assert weights(slimmed) == [(5, 4), (4, 3)]
    assert_same(model, slimmed)


def test_a_gemm_with_factors_and_a_scalar_bias():
    m = Maker(13, shape=(None, 5))
    first, second = m.rng.normal(size=(5, 6)), m.rng.normal(size=(6, 3))
    first[:, [1, 2]] = 0
    x = m.node("Gemm", "x", m.constant(first), m.constant([0.7]), alpha=0.5, beta=2.0)
    x = m.node("Sigmoid", x)
    bias = m.constant(m.rng.normal(size=(1, 3)))
    check(
        m.model(m.node("Gemm", x, m.constant(second), bias, alpha=1.5, beta=0.5)), [(5, 4), (4, 3)]
    )


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("Softmax", {"axis": 1}),
        ("ReduceSum", {}),
        ("LRN", {"size": 3}),
        ("Size", {}),
        ("CumSum", {}),
        ("ArgMax", {"axis": 1}),
    ],
)
def test_what_mixes_channels_in_another_way_keeps_them(kind, attributes):
    m = Maker(14)
    x = m.conv("x", 3, 6, dead=(0, 4))
    more = [m.constant(np.array(1))] if kind == "CumSum" else []
    with pytest.raises(InputError, match="no channel can leave"):
        slim(m.model(m.node(kind, x, *more, **attributes)), round_to=1)


@pytest.mark.parametrize(("asked", "leaves"), [(0, True), (2, True), (1, False), (-3, False)])
def test_sizes_may_be_asked_for_but_not_the_number_of_channels(asked, leaves):
    m = Maker(14, shape=(2, 3, 8, 8))
    x = m.conv("x", 3, 6, dead=(0, 4))
    size = m.node("Gather", m.node("Shape", x), m.constant(np.array(asked)), axis=0)
    y = m.conv(x, 6, 2, k=1)
    model = m.model(m.node("Mul", y, m.node("Cast", size, to=TensorProto.DOUBLE)))
    if leaves:
        check(model, [(4, 3, 3, 3), (2, 4, 1, 1)])
    else:
        with pytest.raises(InputError, match="no channel can leave"):
            slim(model, round_to=1)


def test_outputs_keep_their_shape():
    m = Maker(14)
    x = m.conv("x", 3, 6, dead=(0, 4))
    model = m.model(m.conv(m.node("Relu", x), 6, 4, dead=(1,)))
    check(model, [(4, 3, 3, 3), (4, 4, 3, 3)])
    m = Maker(14)
    x = m.conv("x", 3, 6, dead=(0, 4))
    with pytest.raises(InputError, match="no channel can leave"):
        slim(m.model(x), round_to=1)


def test_what_a_branch_reads_keeps_its_channels():
    m = Maker(15)
    x = m.conv("x", 3, 6, dead=(0, 4))
    inner = helper.make_tensor_value_info("inner", TensorProto.DOUBLE, None)
    branch = helper.make_graph([helper.make_node("Neg", [x], ["inner"])], "b", [], [inner])
    y = m.node("If", m.constant(np.array(True)), then_branch=branch, else_branch=branch)
    with pytest.raises(InputError, match="no channel can leave"):
        slim(m.model(m.node("Identity", y)), round_to=1)


def test_a_default_of_an_input_is_no_constant():
    m = Maker(15)
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
    assert weights(slimmed) == [(4, 3, 3, 3), (2, 4, 3, 3)]
    assert [port.name for port in slimmed.graph.input] == ["x"]


def test_constants_in_nodes_and_names_of_others_domains():
    m = Maker(16)
    x = m.conv("x", 3, 6, dead=(0, 4))
    weight = numpy_helper.from_array(m.rng.normal(size=(2, 6, 1, 1)))
    held = m.node("Constant", value=weight)
    model = m.model(m.node("Conv", x, held))
    slimmed = slim(model, round_to=1)
    assert weights(slimmed) == [(4, 3, 3, 3), (2, 4, 1, 1)]
    assert_same(model, slimmed)
    model.graph.node[-1].domain = "some.other"
    with pytest.raises(InputError, match="no channel can leave"):
        slim(model, round_to=1)


def test_a_network_of_zeros_keeps_a_channel_everywhere():
    m = Maker(17)
    x = m.node("Relu", m.conv("x", 3, 8, dead=range(8)))
    x = m.node("Relu", m.conv(x, 8, 8, dead=range(8)))
    model = m.model(m.gemm(m.pooled(x), 8, 3))
    check(model, [(1, 3, 3, 3), (1, 1, 3, 3), (3, 1)])


def test_wrong_arguments_are_refused():
    m = Maker(17)
    model = m.model(m.conv(m.conv("x", 3, 6, dead=(0,)), 6, 2))
    with pytest.raises(InputError, match="round_to: expected a whole number from 1, got 0"):
        slim(model, round_to=0)
    model.opset_import[0].version = 6
    with pytest.raises(InputError, match="expected operator set 7 or newer, got 6"):
        slim(model, round_to=1)
