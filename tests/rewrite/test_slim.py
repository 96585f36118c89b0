"""Channels that carry nothing leave a graph; what it answers stays, and what that needs."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from sparseprune.errors import InputError
from sparseprune.rewrite import slim


def test_a_chain_loses_filters_and_what_reads_them(graphs):
    m = graphs.Maker()
    x = m.node("Relu", m.conv("x", 3, 8, dead=(1, 2, 5)))
    x = m.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = m.node("Flatten", x)
    model = m.model(m.gemm(x, 8 * 16, 4))
    graphs.check(model, [(5, 3, 3, 3), (4, 5 * 16)])


@pytest.mark.parametrize(("round_to", "kept"), [(1, 5), (2, 6), (3, 6), (4, 8), (8, 8), (32, 8)])
def test_sizes_are_rounded_up_with_channels_that_could_leave(graphs, round_to, kept):
    m = graphs.Maker()
    x = m.node("Relu", m.conv("x", 3, 8, dead=(1, 2, 5)))
    x = m.node("Relu", m.conv(x, 8, 32, dead=range(31)))
    model = m.model(m.conv(x, 32, 4))
    second = min(32, round_to)
    wanted = [(kept, 3, 3, 3), (second, kept, 3, 3), (4, second, 3, 3)]
    if round_to == 32:
        with pytest.raises(InputError, match="no channel can leave in steps of 32"):
            slim(model, round_to=32)
    else:
        graphs.check(model, wanted, round_to=round_to)


def test_a_channel_nobody_reads_leaves(graphs):
    m = graphs.Maker()
    x = m.node("Relu", m.conv("x", 3, 8))
    weight = m.rng.normal(size=(4, 8, 1, 1))
    weight[:, [0, 3]] = 0
    model = m.model(m.node("Conv", x, m.constant(weight)))
    graphs.check(model, [(6, 3, 3, 3), (4, 6, 1, 1)])


def test_what_only_dead_channels_read_leaves_too(graphs):
    m = graphs.Maker()
    x = m.node("Relu", m.conv("x", 3, 6))
    weight = m.rng.normal(size=(5, 6, 1, 1))
    weight[:3, :2] = 0  # inputs 0 and 1 are read by outputs 3 and 4 alone, which nobody reads
    y = m.node("Relu", m.node("Conv", x, m.constant(weight)))
    last = m.rng.normal(size=(2, 5, 1, 1))
    last[:, 3:] = 0
    model = m.model(m.node("Conv", y, m.constant(last)))
    graphs.check(model, [(4, 3, 3, 3), (3, 4, 1, 1), (2, 3, 1, 1)])


def test_a_sum_ties_channels(graphs):
    m = graphs.Maker(5)
    x = m.node("Relu", m.conv("x", 3, 8, dead=(0, 1, 2, 3)))
    branch = m.conv(m.node("Relu", m.conv(x, 8, 8, dead=(5,))), 8, 8, dead=(2, 3, 4))
    x = m.node("Relu", m.node("Add", x, branch))
    model = m.model(m.conv(x, 8, 2))
    graphs.check(model, [(6, 3, 3, 3), (7, 6, 3, 3), (6, 7, 3, 3), (2, 6, 3, 3)])


def test_a_sum_with_the_input_keeps_all(graphs):
    m = graphs.Maker(5)
    x = m.node("Add", "x", m.conv("x", 3, 3, dead=(0, 1)))
    with pytest.raises(InputError, match="no channel can leave"):
        slim(m.model(m.conv(x, 3, 2)), round_to=1)


def test_depthwise_convolutions_lose_groups(graphs):
    m = graphs.Maker(6)
    x = m.node("Relu", m.conv("x", 3, 6, dead=(0,)))
    x = m.conv(x, 6, 12, groups=6, dead=(2, 3, 9))  # two outputs for every input
    model = m.model(m.conv(m.node("Relu", x), 12, 5, k=1))
    slimmed = graphs.check(model, [(4, 3, 3, 3), (8, 1, 3, 3), (5, 8, 1, 1)])
    assert helper.get_node_attr_value(slimmed.graph.node[2], "group") == 4


def test_a_zero_depthwise_filter_frees_what_made_its_input(graphs):
    m = graphs.Maker(6)
    x = m.node("Relu", m.conv("x", 3, 6))
    weight, bias = m.rng.normal(size=(6, 1, 3, 3)), m.rng.normal(size=6)
    weight[[1, 4]] = 0
    x = m.node("Conv", x, m.constant(weight), m.constant(bias), group=6)
    model = m.model(m.conv(x, 6, 5, k=1))
    graphs.check(model, [(4, 3, 3, 3), (4, 1, 3, 3), (5, 4, 1, 1)])


def test_groups_keep_one_size_or_leave_whole(graphs):
    m = graphs.Maker(7)
    x = m.node("Relu", m.conv("x", 3, 12, dead=(0, 1, 2, 3, 8)))
    weight, bias = m.rng.normal(size=(9, 4, 3, 3)), m.rng.normal(size=9)
    weight[[0, 1, 2, 4]], bias[[0, 1, 2, 4]] = 0, 0
    x = m.node("Relu", m.node("Conv", x, m.constant(weight), m.constant(bias), group=3))
    model = m.model(m.conv(x, 9, 2, k=1))
    # Group 0 leaves; groups 1 and 2 keep 4 inputs and 3 outputs each.
    slimmed = graphs.check(model, [(8, 3, 3, 3), (6, 4, 3, 3), (2, 6, 1, 1)])
    assert helper.get_node_attr_value(slimmed.graph.node[2], "group") == 2


def test_transposed_convolutions_and_resizing(graphs):
    m = graphs.Maker(11)
    x = m.conv("x", 3, 6, dead=(0, 4))
    weight = m.rng.normal(size=(6, 5, 2, 2))
    weight[:, [1, 2]] = 0
    x = m.node("ConvTranspose", x, m.constant(weight), strides=[2, 2])
    x = m.node("Resize", x, "", m.constant(np.array([1, 1, 2, 2], np.float32), np.float32))
    x = m.node("Pad", x, m.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1])))
    graphs.check(m.model(m.conv(x, 5, 2)), [(4, 3, 3, 3), (4, 3, 2, 2), (2, 3, 3, 3)])


def test_a_weight_that_two_layers_share_is_cut_for_each(graphs):
    m = graphs.Maker(12)
    shared = m.constant(m.rng.normal(size=(6, 6, 1, 1)))
    x = m.conv("x", 3, 6, dead=(0, 1))
    x = m.node("Relu", m.node("Conv", x, shared))
    x = m.node("Relu", m.node("Conv", x, shared))
    slimmed = graphs.check(m.model(x), [(4, 3, 3, 3), (6, 4, 1, 1), (6, 6, 1, 1)])
    assert len({t.name for t in slimmed.graph.initializer}) == len(slimmed.graph.initializer)


def test_outputs_keep_their_shape(graphs):
    m = graphs.Maker(14)
    x = m.conv("x", 3, 6, dead=(0, 4))
    model = m.model(m.conv(m.node("Relu", x), 6, 4, dead=(1,)))
    graphs.check(model, [(4, 3, 3, 3), (4, 4, 3, 3)])
    m = graphs.Maker(14)
    x = m.conv("x", 3, 6, dead=(0, 4))
    with pytest.raises(InputError, match="no channel can leave"):
        slim(m.model(x), round_to=1)


def test_what_a_branch_reads_keeps_its_channels(graphs):
    m = graphs.Maker(15)
    x = m.conv("x", 3, 6, dead=(0, 4))
    inner = helper.make_tensor_value_info("inner", TensorProto.DOUBLE, None)
    branch = helper.make_graph([helper.make_node("Neg", [x], ["inner"])], "b", [], [inner])
    y = m.node("If", m.constant(np.array(True)), then_branch=branch, else_branch=branch)
    with pytest.raises(InputError, match="no channel can leave"):
        slim(m.model(m.node("Identity", y)), round_to=1)


def test_a_network_of_zeros_keeps_a_channel_everywhere(graphs):
    m = graphs.Maker(17)
    x = m.node("Relu", m.conv("x", 3, 8, dead=range(8)))
    x = m.node("Relu", m.conv(x, 8, 8, dead=range(8)))
    model = m.model(m.gemm(m.pooled(x), 8, 3))
    graphs.check(model, [(1, 3, 3, 3), (1, 1, 3, 3), (3, 1)])


def test_wrong_arguments_are_refused(graphs):
    m = graphs.Maker(17)
    model = m.model(m.conv(m.conv("x", 3, 6, dead=(0,)), 6, 2))
    with pytest.raises(InputError, match="round_to: expected a whole number from 1, got 0"):
        slim(model, round_to=0)
    model.opset_import[0].version = 6
    with pytest.raises(InputError, match="expected operator set 7 or newer, got 6"):
        slim(model, round_to=1)
