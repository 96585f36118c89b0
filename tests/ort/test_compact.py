"""Compact files in our provider: claimed with what surrounds them, never inflated."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from sparseprune import onnxruntime
from sparseprune.onnxruntime import routes

pytestmark = pytest.mark.skipif(
    routes.version(ort) < routes.OLDEST, reason="this ONNX Runtime has no plugin providers"
)
OPERATORS = ("SparseConv", "BitmaskConv", "SparseLinear", "BitmaskLinear")


def residual(files, networks, *, sparsity=0.8, axes=("N", 3, 12, 12), dtype=np.float32):
    """(compact, plain): a block with a shortcut, pooled and classified."""
    twins, rng = files.Twins(networks), np.random.default_rng(4)

    def layer(op, x, shape, **window):
        weight = networks.sparse(rng, shape, sparsity).astype(dtype)
        bias = rng.standard_normal(shape[0]).astype(np.float32)
        return twins.layer(op, x, weight, bias, **window)

    x = twins.input(list(axes))
    x = twins.add("Relu", layer("SparseConv", x, (8, 3, 3, 3), pads=[1, 1, 1, 1]))
    y = twins.add("Relu", layer("BitmaskConv", x, (8, 8, 3, 3), pads=[1, 1, 1, 1]))
    y = layer("SparseConv", y, (8, 8, 3, 3), pads=[1, 1, 1, 1], index=np.uint16)
    x = twins.add("Flatten", twins.add("GlobalAveragePool", twins.add("Add", x, y)))
    return twins.serialize(layer("BitmaskLinear", x, (10, 8)))


def images(batch):
    return {"x": np.random.default_rng(batch).standard_normal((batch, 3, 12, 12)).astype("f4")}


@pytest.fixture
def check(reference):
    """A session's only output lies within the bounds around the plain network's."""

    def check_answers(session, plain, feeds):
        (found,) = session.run(None, feeds)
        ((value, bound),) = reference.evaluate(plain, feeds).values()
        assert found.shape == value.shape
        assert (np.abs(found - value) <= bound * (1 + 1e-6)).all()

    return check_answers


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("batch", [1, 3, 17])
def test_answers_lie_within_the_bounds(batch, dtype, files, networks, check):
    compact, plain = residual(files, networks, dtype=dtype)
    session = onnxruntime.session(compact, provider="sparseprune")
    check(session, plain, images(batch))


@pytest.mark.parametrize("axes", [("N", 3, 12, 12), ("N", 3, "H", "W"), (None, 3, None, None)])
def test_compact_layers_are_claimed_with_their_surroundings(axes, files, networks, decisions):
    """Before ONNX Runtime inlines the functions, and again after; whatever their axes are called.

    No estimate keeps such small maps from the provider.
    """
    compact, _ = residual(files, networks, axes=axes)
    rows = decisions(compact)
    layers = [row for row in rows if row["op"] in OPERATORS]
    assert len(layers) == 8
    assert {row["region"] for row in layers} == {0}
    assert all(0.6 < row["sparsity"] < 0.95 for row in layers)
    assert not {row["op"] for row in rows} - {
        *(*OPERATORS, "Relu", "Add", "GlobalAveragePool", "Flatten")
    }
    inside = [row["op"] for row in rows[len(rows) // 2 :] if row["region"] == 0]
    assert inside.count("Relu") == 2
    assert "Add" in inside


def test_they_are_claimed_whatever_the_estimate_and_the_threshold(
    files, networks, decisions, claims
):
    compact, plain = residual(files, networks, sparsity=0.05)
    assert {row["region"] for row in decisions(plain)} == {-1}
    for arguments in ({}, {"min_sparsity": 1}):
        rows = decisions(compact, **arguments)
        assert {row["region"] for row in rows if row["op"] in OPERATORS} == {0}
    ours, total = claims(compact, min_sparsity=None)
    assert ours == total


@pytest.mark.parametrize("level", ["ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_ALL"])
@pytest.mark.parametrize("inlining", ["0", "1"])
def test_options_of_the_session_change_nothing(level, inlining, files, networks, check, claims):
    compact, plain = residual(files, networks)
    options = onnxruntime.quiet_options()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    options.add_session_config_entry("session.disable_aot_function_inlining", inlining)
    ours, total = claims(compact, options=options)
    assert ours == total
    check(onnxruntime.session(compact, options=options), plain, images(2))


def test_custom_operators_may_be_registered_too(files, networks, check):
    compact, plain = residual(files, networks)
    options = onnxruntime.quiet_options()
    options.register_custom_ops_library(str(onnxruntime.library_path()))
    session = onnxruntime.session(compact, provider="sparseprune", options=options)
    check(session, plain, images(2))


def test_the_cpu_provider_alone_runs_the_functions(files, networks, check):
    compact, plain = residual(files, networks)
    session = onnxruntime.session(compact, provider="cpu")
    assert session.get_providers() == ["CPUExecutionProvider"]
    check(session, plain, images(2))


@pytest.mark.parametrize("op", ["SparseLinear", "BitmaskLinear"])
@pytest.mark.parametrize("leading", [["N", "T"], ["N", "H", "W"]], ids=str)
def test_token_sequences(op, leading, files, networks, check, decisions):
    weight = networks.sparse(np.random.default_rng(1), (12, 20), 0.7)
    bias = np.arange(12, dtype=np.float32)
    compact, plain = files.one_layer(networks, op, weight, bias, [*leading, 20])
    assert {row["region"] for row in decisions(compact)} == {0}
    feeds = {"x": networks.weight(*range(2, 2 + len(leading)), 20)}
    check(onnxruntime.session(compact, provider="sparseprune"), plain, feeds)


# What the provider leaves: (operator, shape of the weight, shape of the input, attributes).
LEFT = {
    "signal": (
        *("SparseConv", (4, 3, 3), (2, 3, 9)),
        {"strides": [1], "pads": [1, 1], "dilations": [1]},
    ),
    "volume": (
        *("BitmaskConv", (4, 3, 3, 3, 3), (1, 3, 5, 5, 5)),
        {"strides": [1] * 3, "pads": [1] * 6, "dilations": [1] * 3},
    ),
    "rank 5": ("SparseLinear", (4, 6), (2, 3, 1, 5, 6), {}),
}


@pytest.mark.parametrize("case", LEFT)
def test_what_the_provider_leaves_runs_as_a_function(case, files, networks, decisions):
    """By the same answer as the plain layer on the CPU provider."""
    op, shape, given, attributes = LEFT[case]
    weight = networks.sparse(np.random.default_rng(1), shape, 0.7)
    bias = np.arange(4, dtype=np.float32)
    compact, plain = files.one_layer(networks, op, weight, bias, list(given), **attributes)
    refusals = [row["reason"] for row in decisions(compact) if row["op"] == op]
    assert refusals
    assert all("rank" in reason for reason in refusals)
    feeds = {"x": networks.weight(*given)}
    (found,) = onnxruntime.session(compact, provider="sparseprune").run(None, feeds)
    (expected,) = onnxruntime.session(plain, provider="cpu").run(None, feeds)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_inside_a_branch_the_function_runs(files, networks):
    """Bodies of If are no part of any region."""
    weight = networks.sparse(np.random.default_rng(1), (4, 6), 0.7)
    bias = np.arange(4, dtype=np.float32)
    compact, plain = files.one_layer(networks, "BitmaskLinear", weight, bias, ["N", 6])
    proto = onnx.load_from_string(compact)
    (node,) = proto.graph.node
    unknown = helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None)
    taken = helper.make_graph([node], "then", [], [unknown])
    other = helper.make_node("Identity", [node.input[3]], [node.output[0]])
    branch = helper.make_graph([other], "else", [], [unknown])
    proto.graph.node[0].CopyFrom(
        helper.make_node("If", ["c"], node.output, then_branch=taken, else_branch=branch)
    )
    proto.graph.input.append(helper.make_tensor_value_info("c", TensorProto.BOOL, []))
    feeds = {"x": networks.weight(3, 6)}
    session = onnxruntime.session(proto.SerializeToString(), provider="sparseprune")
    (found,) = session.run(None, {**feeds, "c": np.array(True)})
    (expected,) = onnxruntime.session(plain, provider="cpu").run(None, feeds)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


WRONG = {
    "step 0": ("SparseLinear", [1, 0], "a step of 0: each must be at least 1"),
    "steps out of the weight": ("SparseLinear", [200, 200], "steps lead out of its weight"),
    "too many bits": ("BitmaskLinear", [255, 1, 0], "bitmask does not set one bit for each value"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_positions_are_errors_of_the_node(name, files, networks):
    op, positions, message = WRONG[name]
    weight = np.zeros((4, 6), np.float32)
    weight[0, :2] = 1
    twins = files.Twins(networks)
    output = twins.layer(op, twins.input(["N", 6]), weight, np.zeros(4, np.float32))
    proto = onnx.load_from_string(twins.serialize(output)[0])
    stored = next(t for t in proto.graph.initializer if t.name == proto.graph.node[0].input[2])
    stored.CopyFrom(onnx.numpy_helper.from_array(np.array(positions, np.uint8), stored.name))
    with pytest.raises(onnxruntime.InputError, match=rf"sparseprune: {op} '{op}_0': {message}"):
        onnxruntime.session(proto.SerializeToString(), provider="sparseprune")
