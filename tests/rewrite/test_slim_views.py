"""Channels are followed through what joins, splits, moves and mixes them."""

import numpy as np
import pytest
from onnx import TensorProto

from sparseprune.errors import InputError
from sparseprune.rewrite import slim


def test_concatenations_and_what_splits_them(graphs):
    m = graphs.Maker(8)
    left, right = m.conv("x", 3, 4, dead=(0,)), m.conv("x", 3, 6, dead=(2, 3))
    x = m.node("Concat", left, right, "x", axis=1)
    a, b = m.node("Split", x, m.constant(np.array([5, 8])), outputs=2, axis=1)
    c = m.conv(a, 5, 2, k=1)
    d = m.conv(b, 8, 2, k=1)
    model = m.model(m.node("Add", c, d))
    graphs.check(model, [(3, 3, 3, 3), (4, 3, 3, 3), (2, 4, 1, 1), (2, 6, 1, 1)])


def test_equal_parts_of_a_split_become_unequal(graphs):
    m = graphs.Maker(8, opset=18)
    x = m.conv("x", 3, 8, dead=(0, 1, 6))
    parts = m.node("Split", x, outputs=2, axis=1, num_outputs=2)
    ends = [m.conv(part, 4, 2, k=1) for part in parts]
    graphs.check(m.model(m.node("Add", *ends)), [(5, 3, 3, 3), (2, 2, 1, 1), (2, 3, 1, 1)])


def test_channels_chosen_by_number(graphs):
    m = graphs.Maker(8)
    x = m.conv("x", 3, 6, dead=(1, 4))
    x = m.node("Gather", x, m.constant(np.array([5, 4, 0, -3, 0])), axis=1)
    # 1 and 2 are not among those chosen; 4 is dead.
    graphs.check(m.model(m.conv(x, 5, 2, k=1)), [(3, 3, 3, 3), (2, 4, 1, 1)])


@pytest.mark.parametrize("flat", [[0, -1], [-1, 96], [0, 96]])
def test_reshape_to_a_vector(graphs, flat):
    m = graphs.Maker(9, shape=(None, 3, 4, 4))
    x = m.node("Relu", m.conv("x", 3, 6, dead=(0, 4)))
    x = m.node("Reshape", x, m.constant(np.array(flat)))
    slimmed = graphs.check(m.model(m.gemm(x, 96, 3)), [(4, 3, 3, 3), (3, 64)])
    assert [d.dim_value for d in slimmed.graph.input[0].type.tensor_type.shape.dim[1:]] == [3, 4, 4]


def traced_view(m, x, *, asked=0, last=-1):
    """x.view(x.size(asked), last) as tracers write it."""
    size = m.node("Gather", m.node("Shape", x), m.constant(np.array(asked)), axis=0)
    size = m.node("Unsqueeze", size, m.constant(np.array([0])))
    return m.node("Reshape", x, m.node("Concat", size, m.constant(np.array([last])), axis=0))


def test_a_view_whose_batch_is_asked_for_when_it_runs(graphs):
    m = graphs.Maker(9, shape=(None, 3, 4, 4))
    x = traced_view(m, m.node("Relu", m.conv("x", 3, 6, dead=(0, 4))))
    graphs.check(m.model(m.gemm(x, 96, 3)), [(4, 3, 3, 3), (3, 64)])


@pytest.mark.parametrize(("asked", "last"), [(0, 96), (2, -1)])
def test_a_view_that_is_not_understood_keeps_channels(graphs, asked, last):
    m = graphs.Maker(9, shape=(4, 3, 4, 4))
    x = m.node("Relu", m.conv("x", 3, 6, dead=(0, 4)))
    x = traced_view(m, x, asked=asked, last=last)
    with pytest.raises(InputError, match="no channel can leave"):
        slim(m.model(m.node("ReduceSum", x, m.constant(np.array([0])))), round_to=1)


def test_positions_before_channels(graphs):
    m = graphs.Maker(9, shape=(2, 3, 4, 4))
    x = m.node("Transpose", m.conv("x", 3, 6, dead=(0, 4)), perm=[0, 2, 3, 1])
    x = m.node("Reshape", x, m.constant(np.array([2, 96])))
    graphs.check(m.model(m.gemm(x, 96, 3)), [(4, 3, 3, 3), (3, 64)])


def test_tokens_with_channels_last(graphs):
    m = graphs.Maker(9, shape=(None, 5, 6))
    first, second = m.rng.normal(size=(6, 8)), m.rng.normal(size=(8, 3))
    bias = m.rng.normal(size=8)
    first[:, :3], bias[:3] = 0, 0
    x = m.node("MatMul", "x", m.constant(first))
    x = m.node("Relu", m.node("Add", x, m.constant(bias)))
    graphs.check(m.model(m.node("MatMul", x, m.constant(second))), [(6, 5), (5, 3)])


def test_squeeze_and_excitation(graphs):
    m = graphs.Maker(10)
    x = m.conv("x", 3, 8, dead=(0, 1))
    gate = m.node("ReduceMean", x, axes=[2, 3], keepdims=0)
    gate = m.gemm(m.node("Relu", m.gemm(gate, 8, 4, dead=(2,))), 4, 8)
    gate = m.node("Reshape", m.node("Sigmoid", gate), m.constant(np.array([-1, 8, 1, 1])))
    x = m.node("Mul", x, gate)
    model = m.model(m.conv(x, 8, 2))
    graphs.check(model, [(6, 3, 3, 3), (3, 6), (6, 3), (2, 6, 3, 3)])


def test_a_map_of_attention_meets_all_channels(graphs):
    m = graphs.Maker(10)
    x = m.conv("x", 3, 8, dead=(0, 1))
    x = m.node("Mul", m.node("Sigmoid", m.conv(x, 8, 1)), x)
    graphs.check(m.model(m.conv(x, 8, 2)), [(6, 3, 3, 3), (1, 6, 3, 3), (2, 6, 3, 3)])


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
def test_what_mixes_channels_in_another_way_keeps_them(graphs, kind, attributes):
    m = graphs.Maker(14)
    x = m.conv("x", 3, 6, dead=(0, 4))
    more = [m.constant(np.array(1))] if kind == "CumSum" else []
    with pytest.raises(InputError, match="no channel can leave"):
        slim(m.model(m.node(kind, x, *more, **attributes)), round_to=1)


@pytest.mark.parametrize(("asked", "leaves"), [(0, True), (2, True), (1, False), (-3, False)])
def test_sizes_may_be_asked_for_but_not_the_number_of_channels(graphs, asked, leaves):
    m = graphs.Maker(14, shape=(2, 3, 8, 8))
    x = m.conv("x", 3, 6, dead=(0, 4))
    size = m.node("Gather", m.node("Shape", x), m.constant(np.array(asked)), axis=0)
    y = m.conv(x, 6, 2, k=1)
    model = m.model(m.node("Mul", y, m.node("Cast", size, to=TensorProto.DOUBLE)))
    if leaves:
        graphs.check(model, [(4, 3, 3, 3), (2, 4, 1, 1)])
    else:
        with pytest.raises(InputError, match="no channel can leave"):
            slim(model, round_to=1)
