"""Compact models answer as their source does on plain ONNX Runtime, and are smaller."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from sparseprune import rewrite
from sparseprune.errors import InputError

RANDOM = np.random.default_rng(0)


def pruned(*shape, density=0.1):
    weight = RANDOM.normal(size=shape).astype(np.float32)
    return np.where(RANDOM.random(shape) < density, weight, np.float32(0))


def dense(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def model(nodes, x, y, initializers, *, opset=17, ir=8, **graph):
    """One input "x" and one output "y" of these shapes; initializers by name."""
    info = helper.make_tensor_value_info
    tensors = [numpy_helper.from_array(array, name) for name, array in initializers.items()]
    ports = [info("x", TensorProto.FLOAT, x)], [info("y", TensorProto.FLOAT, y)]
    made = helper.make_graph(nodes, "g", *ports, tensors, **graph)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)


def run(proto, x):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})[0]


def check(proto, x, operators, **options):
    """The compact form is valid, smaller, has these operators, and answers alike."""
    before = proto.SerializeToString()
    made = rewrite.compact(proto, **options)
    assert proto.SerializeToString() == before
    onnx.checker.check_model(made, full_check=True)
    assert [n.op_type for n in made.graph.node if n.domain == "sparseprune"] == operators
    assert [n.name for n in made.graph.node] == [n.name for n in proto.graph.node]
    assert made.ByteSize() < proto.ByteSize()
    assert rewrite.compact(made, **options) == made
    wanted = run(rewrite.rounded(proto) if options else proto, x)
    np.testing.assert_allclose(run(made, x), wanted, rtol=1e-5, atol=1e-5)
    back = rewrite.plain(made)
    onnx.checker.check_model(back, full_check=True)
    assert not back.functions
    assert {n.domain for n in back.graph.node} == {""}
    np.testing.assert_allclose(run(back, x), wanted, rtol=1e-5, atol=1e-5)
    return made


def attributes(node):
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


CONVOLUTIONS = {
    "1d": ((2, 6, 30), (40, 6, 5), {}, {"strides": [2]}),
    "bias": ((2, 8, 9, 9), (40, 8, 3, 3), {"b": dense(40)}, {"pads": [1, 0, 2, 1]}),
    "groups": ((1, 16, 9, 9), (40, 4, 3, 3), {"b": dense(40)}, {"group": 4}),
    "dilated": ((1, 8, 9, 9), (40, 8, 3, 3), {}, {"dilations": [2, 1], "strides": [1, 2]}),
    "3d": ((1, 4, 5, 6, 7), (20, 4, 3, 3, 3), {}, {"pads": [1] * 6}),
    "valid": ((1, 8, 9, 9), (40, 8, 3, 3), {}, {"auto_pad": "VALID"}),
    "same": ((1, 8, 9, 9), (40, 8, 4, 3), {}, {"auto_pad": "SAME_UPPER"}),
    "same strided": (
        (1, 8, 9, 10),
        (40, 8, 4, 3),
        {},
        {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
    ),
}


@pytest.mark.parametrize("values", [{}, {"values": "float16"}], ids=["float32", "float16"])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolutions(case, values):
    x, w, bias, window = CONVOLUTIONS[case]
    node = helper.make_node("Conv", ["x", "w", *bias], ["y"], name="conv", **window)
    made = check(
        model([node], x, [None] * len(x), {"w": pruned(*w), **bias}),
        dense(*x),
        ["SparseConv"],
        **values,
    )
    found = attributes(made.graph.node[0])
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
def test_gemms(case, values):
    shape, options, bias = GEMMS[case]
    given = {} if bias is None else {"b": dense(*bias) if bias else np.float32(0.5).reshape(())}
    node = helper.make_node("Gemm", ["x", "w", *given], ["y"], name="gemm", **options)
    proto = model([node], [3, 60], [3, 50], {"w": pruned(*shape), **given})
    made = check(proto, dense(3, 60), ["SparseLinear"], **values)
    assert attributes(made.graph.node[0])["weight_shape"] == [50, 60]


@pytest.mark.parametrize("x", [(3, 60), (2, 3, 60), (2, 1, 3, 60)])
def test_products_of_any_rank(x):
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
    proto = model([node], x, [None] * len(x), {"w": pruned(60, 50)})
    check(proto, dense(*x), ["SparseLinear"])


def test_half_full_weights_get_a_bitmask():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
        helper.make_node("GlobalAveragePool", ["c"], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["f"], name="flat"),
        helper.make_node("Gemm", ["f", "v", "b"], ["y"], name="gemm", transB=1),
    ]
    weights = {"w": pruned(32, 8, 3, 3, density=0.5), "v": pruned(60, 32, density=0.5)}
    proto = model(nodes, [2, 8, 9, 9], [2, 60], {**weights, "b": dense(60)})
    made = check(proto, dense(2, 8, 9, 9), ["BitmaskConv", "BitmaskLinear"])
    assert {t.name for t in made.graph.initializer} >= {"w.bitmask", "w.values", "b"}


def test_wide_gaps_get_two_byte_steps():
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
    proto = model([node], [1, 500], [1, 400], {"w": pruned(500, 400, density=0.0005)})
    made = check(proto, dense(1, 500), ["SparseLinear"])
    (steps,) = (t for t in made.graph.initializer if t.name == "w.steps")
    assert steps.data_type == TensorProto.UINT16


def test_dense_layers_stay_also_with_float16_values():
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["h"], name="first"),
        helper.make_node("Gemm", ["h", "v"], ["y"], name="second"),
    ]
    proto = model(nodes, [3, 60], [3, 50], {"w": pruned(60, 50), "v": dense(50, 50)})
    made = check(proto, dense(3, 60), ["SparseLinear"], values="float16")
    assert [node.op_type for node in made.graph.node] == ["SparseLinear", "Gemm"]


def test_a_weight_several_layers_share_is_stored_once():
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], name="first"),
        helper.make_node("Gemm", ["h", "w", "b"], ["y"], name="second"),
    ]
    proto = model(nodes, [3, 60], [3, 60], {"w": pruned(60, 60), "b": dense(60)})
    made = check(proto, dense(3, 60), ["SparseLinear", "SparseLinear"])
    assert {t.name for t in made.graph.initializer} == {"w.values", "w.steps", "b"}


@pytest.mark.parametrize("kind", ["node", "sparse node", "sparse initializer"])
def test_weights_are_found_wherever_they_are_kept(kind):
    weight = pruned(50, 60)
    positions = np.flatnonzero(weight)
    values = numpy_helper.from_array(weight.reshape(-1)[positions], "w")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(positions, "i"), [50, 60])
    attribute = {
        "node": {"value": numpy_helper.from_array(weight)},
        "sparse node": {"sparse_value": sparse},
    }
    gemm = helper.make_node("Gemm", ["x", "w"], ["y"], name="gemm", transB=1)
    if kind == "sparse initializer":
        proto = model([gemm], [3, 60], [3, 50], {}, sparse_initializer=[sparse])
    else:
        constant = helper.make_node("Constant", [], ["w"], name="w", **attribute[kind])
        proto = model([constant, gemm], [3, 60], [3, 50], {})
    made = rewrite.compact(proto)
    onnx.checker.check_model(made, full_check=True)
    assert [node.op_type for node in made.graph.node] == ["SparseLinear"]
    assert not made.graph.sparse_initializer
    x = dense(3, 60)
    np.testing.assert_allclose(run(made, x), x @ weight.T, rtol=1e-4, atol=1e-4)


def test_coordinates_of_sparse_tensors_are_understood():
    weight = pruned(50, 60)
    values = numpy_helper.from_array(weight[weight != 0], "w")
    indices = numpy_helper.from_array(np.argwhere(weight), "i")
    sparse = helper.make_sparse_tensor(values, indices, [50, 60])
    gemm = helper.make_node("Gemm", ["x", "w"], ["y"], name="gemm", transB=1)
    made = rewrite.compact(model([gemm], [3, 60], [3, 50], {}, sparse_initializer=[sparse]))
    x = dense(3, 60)
    np.testing.assert_allclose(run(made, x), x @ weight.T, rtol=1e-4, atol=1e-4)


def inner(name):
    """A subgraph that reads ``name`` of the graph around it."""
    node = helper.make_node("MatMul", ["x", name], ["z"])
    return helper.make_graph(
        [node], "inner", [], [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]
    )


def gemm(**options):
    return helper.make_node("Gemm", ["x", "w"], ["y"], name="gemm", **options)


def with_output(proto):
    proto.graph.output.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [60, 60]))


def with_input(proto):
    proto.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [60, 60]))


def with_reader(proto):
    proto.graph.node.append(helper.make_node("Relu", ["w"], ["r"], name="relu"))


def with_subgraph(proto):
    condition = numpy_helper.from_array(np.array(True), "c")
    proto.graph.initializer.append(condition)
    proto.graph.node.append(
        helper.make_node("If", ["c"], ["r"], then_branch=inner("w"), else_branch=inner("w"))
    )


def with_other_orientation(proto):
    proto.graph.node.append(helper.make_node("Gemm", ["x", "w"], ["r"], transB=1))


@pytest.mark.parametrize(
    "change", [with_output, with_input, with_reader, with_subgraph, with_other_orientation]
)
def test_weights_that_are_used_in_other_ways_stay(change):
    proto = model([gemm()], [3, 60], [3, 60], {"w": pruned(60, 60)})
    change(proto)
    onnx.checker.check_model(proto, full_check=True)
    assert rewrite.compact(proto) == proto


@pytest.mark.parametrize(
    "node",
    [
        gemm(transA=1),
        gemm(alpha=0.0),
        helper.make_node("Gemm", ["x", "w", "x"], ["y"]),
        helper.make_node("MatMul", ["w", "x"], ["y"]),
        helper.make_node("Add", ["x", "w"], ["y"]),
        helper.make_node("Gemm", ["x", "w"], ["y"], domain="foreign"),
    ],
)
def test_nodes_that_are_not_understood_stay(node):
    proto = model([node], [60, 60], [60, 60], {"w": pruned(60, 60)})
    proto.opset_import.add(domain="foreign", version=1)
    assert rewrite.compact(proto) == proto


def test_padding_that_depends_on_an_open_size_stays():
    node = helper.make_node(
        "Conv", ["x", "w"], ["y"], name="conv", auto_pad="SAME_UPPER", strides=[2, 2]
    )
    proto = model([node], [1, 8, "h", "w"], None, {"w": pruned(40, 8, 3, 3)})
    assert rewrite.compact(proto) == proto


def test_a_vector_times_a_matrix_stays():
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    proto = model([node], [60], [50], {"w": pruned(60, 50)})
    assert rewrite.compact(proto) == proto


def test_nodes_inside_subgraphs_stay():
    proto = model([], [3, 60], [3, 60], {"c": np.array(True)})
    branch = inner("v")
    branch.initializer.append(numpy_helper.from_array(pruned(60, 60), "v"))
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    proto.graph.node.append(node)
    assert rewrite.compact(proto) == proto


def test_new_names_hit_no_other():
    nodes = [gemm(), helper.make_node("Add", ["h", "w.steps"], ["y"], name="add")]
    nodes[0].output[0] = "h"
    proto = model(nodes, [3, 60], [3, 60], {"w": pruned(60, 60), "w.steps": dense(60)})
    check(proto, dense(3, 60), ["SparseLinear"])


def test_models_of_old_versions_are_raised():
    """Initializers are inputs there, and must not become replaceable ones."""
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"])
    weights = {"w": pruned(60, 60), "b": dense(60)}
    proto = model([node], [3, 60], [3, 60], weights, opset=9, ir=3)
    with_input(proto)
    proto.graph.input.append(helper.make_tensor_value_info("b", TensorProto.FLOAT, [60]))
    onnx.checker.check_model(proto, full_check=True)
    made = rewrite.compact(proto)
    onnx.checker.check_model(made, full_check=True)
    assert made.ir_version == 8
    assert [port.name for port in made.graph.input] == ["x"]
    assert [node.op_type for node in made.graph.node] == ["SparseLinear"]
    x = dense(3, 60)
    np.testing.assert_allclose(run(made, x), run(proto, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("opset", [12, 13, 17, 20, 22])
def test_functions_are_written_in_the_models_own_operator_set(opset):
    proto = model([gemm()], [3, 60], [3, 60], {"w": pruned(60, 60)}, opset=opset)
    made = check(proto, dense(3, 60), ["SparseLinear"])
    assert [entry.version for entry in made.functions[0].opset_import] == [opset]


def test_values_beyond_float16_are_refused():
    weight = pruned(60, 60)
    weight[0, 0] = 1e6
    proto = model([gemm()], [3, 60], [3, 60], {"w": weight})
    with pytest.raises(
        InputError, match=r"weight 'w': expected values float16 can hold, up to 65504, got 1e\+06"
    ):
        rewrite.compact(proto, values="float16")
    with pytest.raises(InputError, match="expected values 'float32' or 'float16', got 'int8'"):
        rewrite.compact(proto, values="int8")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.steps", lambda a: a * 0, "a step is 0"),
        ("w.steps", lambda a: a[:-1], "steps are uint8"),
        ("w.values", lambda a: a[:0], "must be vectors, not empty"),
    ],
)
def test_damaged_compact_nodes_are_named(name, content, message):
    made = rewrite.compact(model([gemm()], [3, 60], [3, 60], {"w": pruned(60, 60)}))
    (tensor,) = (t for t in made.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(content(numpy_helper.to_array(tensor)), name))
    with pytest.raises(InputError, match=rf"node 'gemm' \(SparseLinear\): .*{message}"):
        rewrite.plain(made)


def test_a_shape_beyond_the_formats_limit_is_refused():
    made = rewrite.compact(model([gemm()], [3, 60], [3, 60], {"w": pruned(60, 60)}))
    (shape,) = (a for a in made.graph.node[0].attribute if a.name == "weight_shape")
    shape.ints[:] = [2**20, 2**20]
    with pytest.raises(InputError, match="weight_shape is"):
        rewrite.plain(made)
