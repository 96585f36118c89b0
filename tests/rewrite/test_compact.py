"""Compact models answer as their source does on plain ONNX Runtime, and are smaller."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sparseprune import rewrite
from sparseprune.errors import InputError

CONVOLUTIONS = {
    "1d": ((2, 6, 30), (40, 6, 5), False, {"strides": [2]}),
    "bias": ((2, 8, 9, 9), (40, 8, 3, 3), True, {"pads": [1, 0, 2, 1]}),
    "groups": ((1, 16, 9, 9), (40, 4, 3, 3), True, {"group": 4}),
    "dilated": ((1, 8, 9, 9), (40, 8, 3, 3), False, {"dilations": [2, 1], "strides": [1, 2]}),
    "valid": ((1, 8, 9, 9), (40, 8, 3, 3), False, {"auto_pad": "VALID"}),
    "same": ((1, 8, 9, 9), (40, 8, 4, 3), False, {"auto_pad": "SAME_UPPER"}),
    "same strided": (
        (1, 8, 9, 10),
        (40, 8, 4, 3),
        False,
        {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
    ),
}


@pytest.mark.parametrize("values", [{}, {"values": "float16"}], ids=["float32", "float16"])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolutions(case, values, nets):
    x, w, biased, window = CONVOLUTIONS[case]
    bias = {"b": nets.dense(40)} if biased else {}
    node = helper.make_node("Conv", ["x", "w", *bias], ["y"], name="conv", **window)
    made = nets.check(
        nets.model([node], x, [None] * len(x), {"w": nets.pruned(*w), **bias}),
        nets.dense(*x),
        ["SparseConv"],
        **values,
    )
    found = nets.attributes(made.graph.node[0])
    assert set(found) == {"weight_shape", "strides", "pads", "dilations", "group"}
    assert found["weight_shape"] == list(w)
    (function,) = made.functions
    assert (function.domain, function.name) == ("sparseprune", "SparseConv")


GEMMS = {
    "plain": ((60, 50), {}, None),
    "transposed": ((50, 60), {"transB": 1}, (50,)),
    "scaled": ((60, 50), {"alpha": 0.3, "beta": 1.7}, (1, 50)),
    "scalar bias": ((50, 60), {"transB": 1, "beta": 2.0}, ()),
    "one bias": ((50, 60), {"transB": 1}, (1,)),
}


@pytest.mark.parametrize("values", [{}, {"values": "float16"}], ids=["float32", "float16"])
@pytest.mark.parametrize("case", GEMMS)
def test_gemms(case, values, nets):
    shape, options, bias = GEMMS[case]
    given = (
        {} if bias is None else {"b": nets.dense(*bias) if bias else np.float32(0.5).reshape(())}
    )
    node = helper.make_node("Gemm", ["x", "w", *given], ["y"], name="gemm", **options)
    proto = nets.model([node], [3, 60], [3, 50], {"w": nets.pruned(*shape), **given})
    made = nets.check(proto, nets.dense(3, 60), ["SparseLinear"], **values)
    assert nets.attributes(made.graph.node[0])["weight_shape"] == [50, 60]


@pytest.mark.parametrize("x", [(3, 60), (2, 3, 60), (2, 1, 3, 60)])
def test_products_of_any_rank(x, nets):
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
    proto = nets.model([node], x, [None] * len(x), {"w": nets.pruned(60, 50)})
    nets.check(proto, nets.dense(*x), ["SparseLinear"])


def test_half_full_weights_get_a_bitmask(nets):
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
        helper.make_node("GlobalAveragePool", ["c"], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["f"], name="flat"),
        helper.make_node("Gemm", ["f", "v", "b"], ["y"], name="gemm", transB=1),
    ]
    weights = {
        "w": nets.pruned(32, 8, 3, 3, density=0.5),
        "v": nets.pruned(60, 32, density=0.5),
    }
    proto = nets.model(nodes, [2, 8, 9, 9], [2, 60], {**weights, "b": nets.dense(60)})
    made = nets.check(proto, nets.dense(2, 8, 9, 9), ["BitmaskConv", "BitmaskLinear"])
    assert {t.name for t in made.graph.initializer} >= {"w.bitmask", "w.values", "b"}


def test_wide_gaps_get_two_byte_steps(nets):
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
    proto = nets.model([node], [1, 500], [1, 400], {"w": nets.pruned(500, 400, density=0.0005)})
    made = nets.check(proto, nets.dense(1, 500), ["SparseLinear"])
    (steps,) = (t for t in made.graph.initializer if t.name == "w.steps")
    assert steps.data_type == TensorProto.UINT16


def test_dense_layers_stay_also_with_float16_values(nets):
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["h"], name="first"),
        helper.make_node("Gemm", ["h", "v"], ["y"], name="second"),
    ]
    proto = nets.model(
        nodes,
        [3, 60],
        [3, 50],
        {"w": nets.pruned(60, 50), "v": nets.dense(50, 50)},
    )
    made = nets.check(proto, nets.dense(3, 60), ["SparseLinear"], values="float16")
    assert [node.op_type for node in made.graph.node] == ["SparseLinear", "Gemm"]


def test_a_weight_several_layers_share_is_stored_once(nets):
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], name="first"),
        helper.make_node("Gemm", ["h", "w", "b"], ["y"], name="second"),
    ]
    proto = nets.model(nodes, [3, 60], [3, 60], {"w": nets.pruned(60, 60), "b": nets.dense(60)})
    made = nets.check(proto, nets.dense(3, 60), ["SparseLinear", "SparseLinear"])
    assert {t.name for t in made.graph.initializer} == {"w.values", "w.steps", "b"}


@pytest.mark.parametrize("kind", ["node", "sparse node", "sparse initializer"])
def test_weights_are_found_wherever_they_are_kept(kind, nets):
    weight = nets.pruned(50, 60)
    positions = np.flatnonzero(weight)
    values = numpy_helper.from_array(weight.reshape(-1)[positions], "w")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(positions, "i"), [50, 60])
    attribute = {
        "node": {"value": numpy_helper.from_array(weight)},
        "sparse node": {"sparse_value": sparse},
    }
    gemm = helper.make_node("Gemm", ["x", "w"], ["y"], name="gemm", transB=1)
    if kind == "sparse initializer":
        proto = nets.model([gemm], [3, 60], [3, 50], {}, sparse_initializer=[sparse])
    else:
        constant = helper.make_node("Constant", [], ["w"], name="w", **attribute[kind])
        proto = nets.model([constant, gemm], [3, 60], [3, 50], {})
    made = rewrite.compact(proto)
    onnx.checker.check_model(made, full_check=True)
    assert [node.op_type for node in made.graph.node] == ["SparseLinear"]
    assert not made.graph.sparse_initializer
    x = nets.dense(3, 60)
    np.testing.assert_allclose(nets.run(made, x), x @ weight.T, rtol=1e-4, atol=1e-4)


def test_coordinates_of_sparse_tensors_are_understood(nets):
    weight = nets.pruned(50, 60)
    values = numpy_helper.from_array(weight[weight != 0], "w")
    indices = numpy_helper.from_array(np.argwhere(weight), "i")
    sparse = helper.make_sparse_tensor(values, indices, [50, 60])
    gemm = helper.make_node("Gemm", ["x", "w"], ["y"], name="gemm", transB=1)
    made = rewrite.compact(nets.model([gemm], [3, 60], [3, 50], {}, sparse_initializer=[sparse]))
    x = nets.dense(3, 60)
    np.testing.assert_allclose(nets.run(made, x), x @ weight.T, rtol=1e-4, atol=1e-4)


def test_new_names_hit_no_other(nets):
    nodes = [nets.gemm(), helper.make_node("Add", ["h", "w.steps"], ["y"], name="add")]
    nodes[0].output[0] = "h"
    proto = nets.model(
        nodes,
        [3, 60],
        [3, 60],
        {"w": nets.pruned(60, 60), "w.steps": nets.dense(60)},
    )
    nets.check(proto, nets.dense(3, 60), ["SparseLinear"])


def test_models_of_old_versions_are_raised(nets):
    """Initializers are inputs there, and must not become replaceable ones."""
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"])
    weights = {"w": nets.pruned(60, 60), "b": nets.dense(60)}
    proto = nets.model([node], [3, 60], [3, 60], weights, opset=9, ir=3)
    for name, shape in {"w": [60, 60], "b": [60]}.items():
        proto.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    onnx.checker.check_model(proto, full_check=True)
    made = rewrite.compact(proto)
    onnx.checker.check_model(made, full_check=True)
    assert made.ir_version == 8
    assert [port.name for port in made.graph.input] == ["x"]
    assert [node.op_type for node in made.graph.node] == ["SparseLinear"]
    x = nets.dense(3, 60)
    np.testing.assert_allclose(nets.run(made, x), nets.run(proto, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("opset", [12, 13, 17, 20, 22])
def test_functions_are_written_in_the_models_own_operator_set(opset, nets):
    proto = nets.model([nets.gemm()], [3, 60], [3, 60], {"w": nets.pruned(60, 60)}, opset=opset)
    made = nets.check(proto, nets.dense(3, 60), ["SparseLinear"])
    assert [entry.version for entry in made.functions[0].opset_import] == [opset]


def test_values_beyond_float16_are_refused(nets):
    weight = nets.pruned(60, 60)
    weight[0, 0] = 1e6
    proto = nets.model([nets.gemm()], [3, 60], [3, 60], {"w": weight})
    with pytest.raises(
        InputError, match=r"weight 'w': expected values float16 can hold, up to 65504, got 1e\+06"
    ):
        rewrite.compact(proto, values="float16")
    tiny = nets.model(
        [nets.gemm()],
        [3, 60],
        [3, 60],
        {"w": nets.pruned(60, 60) * np.float32(1e-9)},
    )
    with pytest.raises(InputError, match=r"expected values float16 can hold, from 6.1e-05, got at"):
        rewrite.compact(tiny, values="float16")
    with pytest.raises(InputError, match="expected values 'float32' or 'float16', got 'int8'"):
        rewrite.compact(proto, values="int8")
