"""Every form of any ONNX model: valid, of the right version, with the signature of its source."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from sparseprune import exporter
from sparseprune.errors import GateError, InputError
from sparseprune.exporter import forms
from sparseprune.onnxruntime.routes import version

RANDOM = np.random.default_rng(0)


def pruned(*shape):
    weight = RANDOM.normal(size=shape).astype(np.float32)
    return np.where(RANDOM.random(shape) < 0.1, weight, np.float32(0))


def write(path, nodes, inputs, outputs, weights, *, opset=17, ir=8):
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [info(name, kind, shape) for name, (kind, shape) in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)
    onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString())
    return path


FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


@pytest.fixture
def tokens(tmp_path):
    """Ids and a mask in, a vector for each token and the number of tokens out."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        helper.make_node("MatMul", ["rows", "w"], ["product"]),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Cast", ["column"], ["factor"], to=FLOAT),
        helper.make_node("Mul", ["product", "factor"], ["vectors"]),
        helper.make_node("Cast", ["mask"], ["ones"], to=INT64),
        helper.make_node("ReduceSum", ["ones", "last_axis"], ["count"], keepdims=0),
    ]
    weights = {
        "table": RANDOM.normal(size=(100, 32)).astype(np.float32),
        "w": pruned(32, 40),
        "last": np.array([2]),
        "last_axis": np.array([1]),
    }
    return write(
        tmp_path / "tokens.onnx",
        nodes,
        {"ids": (INT64, ["batch", "length"]), "mask": (BOOL, ["batch", "length"])},
        {"vectors": (FLOAT, ["batch", "length", 40]), "count": (INT64, ["batch"])},
        weights,
    )


@pytest.fixture
def picture(tmp_path):
    """A segmenter with a dead channel: the answer is a map, not logits."""
    first = pruned(16, 3, 3, 3)
    first[5:13] = 0
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["h"], pads=[1] * 4),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Conv", ["r", "v"], ["map"], pads=[1] * 4),
    ]
    return write(
        tmp_path / "picture.onnx",
        nodes,
        {"x": (FLOAT, ["n", 3, 8, 8])},
        {"map": (FLOAT, ["n", 24, 8, 8])},
        {"w": first, "v": pruned(24, 16, 3, 3)},
        opset=22,
        ir=10,
    )


def metadata(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_several_inputs_and_outputs_of_any_type(tokens, tmp_path):
    out = tmp_path / "out.onnx"
    record = exporter.export(
        tokens, out, form="compact", tune=0, input_shapes={"ids": [1, 7], "mask": [1, 7]}
    )
    assert record["images"] == 16
    proto = onnx.load(out)
    assert forms.signature(proto) == forms.signature(onnx.load(tokens))
    assert [n.op_type for n in proto.graph.node if n.domain] == ["SparseLinear"]
    options = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    feeds = {"ids": np.ones((3, 5), np.int64), "mask": np.ones((3, 5), bool)}
    vectors, count = options.run(None, feeds)
    assert (vectors.shape, count.tolist()) == ((3, 5, 40), [5, 5, 5])


def test_open_sizes_ask_for_shapes(tokens, tmp_path):
    with pytest.raises(InputError, match=r"'ids' has shape \['batch', 'length'\], some of it open"):
        exporter.export(tokens, tmp_path / "out.onnx", form="compact", tune=0)


@pytest.mark.parametrize(
    ("form", "options", "note"),
    [
        ("plain", {}, {"form": "plain", "min_onnxruntime": "1.17"}),
        ("plain", {"min_onnxruntime": "1.20.1"}, {"form": "plain", "min_onnxruntime": "1.20"}),
        ("compact", {}, {"form": "compact", "min_onnxruntime": "1.17", "values": "float32"}),
        (
            "compact",
            {"values": "float16"},
            {"form": "compact", "min_onnxruntime": "1.17", "values": "float16"},
        ),
        ("slim", {"round_to": 4}, {"form": "slim", "min_onnxruntime": "1.17", "round_to": 4}),
    ],
)
def test_every_form_is_noted_checked_and_smaller(picture, tmp_path, form, options, note):
    out = tmp_path / "out.onnx"
    record = exporter.export(picture, out, form=form, tune=0, **options)
    proto = onnx.load(out)
    onnx.checker.check_model(proto, full_check=True)
    assert forms.signature(proto) == forms.signature(onnx.load(picture))
    wanted = (21, 10) if "min_onnxruntime" in options else (20, 9)
    assert (proto.opset_import[0].version, proto.ir_version) == wanted
    found = metadata(out)
    assert json.loads(found["sparseprune.export"]) == note
    assert json.loads(found["sparseprune.parity"])["max_abs"] == record["max_abs"]
    assert record["bytes"]["file"] == out.stat().st_size
    assert (record["bytes"]["file"] < record["bytes"]["dense"]) == (form != "plain")
    # Any batch is still taken, and any runtime answers.
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    x = RANDOM.normal(size=(5, 3, 8, 8)).astype(np.float32)
    source = onnxruntime.InferenceSession(picture, providers=["CPUExecutionProvider"])
    difference = np.abs(session.run(None, {"x": x})[0] - source.run(None, {"x": x})[0]).max()
    assert difference < (1e-2 if "values" in options else 1e-5)


def test_rounded_weights_are_judged_by_their_like_and_reported(picture, tmp_path):
    record = exporter.export(
        picture, tmp_path / "out.onnx", form="compact", values="float16", tune=0
    )
    assert record["max_abs"] < 1e-5 < record["rounding"]["max_abs"] < 1e-2
    assert record["max_abs"] <= record["bound"] < 1e-2


def test_compact_files_become_plain_and_slim_again(picture, tmp_path):
    compact = tmp_path / "compact.onnx"
    exporter.export(picture, compact, form="compact", tune=0)
    for form in ("plain", "slim"):
        out = tmp_path / f"{form}.onnx"
        record = exporter.export(compact, out, form=form, tune=0)
        proto = onnx.load(out)
        assert {node.domain for node in proto.graph.node} == {""}
        assert not proto.functions
        assert record["max_abs"] < 1e-5
    again = tmp_path / "again.onnx"
    exporter.export(compact, again, form="compact", tune=0)
    assert onnx.load(again).graph == onnx.load(compact).graph


@pytest.mark.parametrize(("first", "second"), [("float32", "float16"), ("float16", "float32")])
def test_a_compact_file_gets_the_values_asked_for(picture, tmp_path, first, second):
    source, out = tmp_path / "source.onnx", tmp_path / "out.onnx"
    exporter.export(picture, source, form="compact", values=first, tune=0)
    record = exporter.export(source, out, form="compact", values=second, tune=0)
    stored = [t for t in onnx.load(out).graph.initializer if t.name.endswith(".values")]
    expected = FLOAT if second == "float32" else TensorProto.FLOAT16
    assert {tensor.data_type for tensor in stored} == {expected}
    assert ("rounding" in record) == (second == "float16")


def quantized(tmp_path):
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("ConvInteger", ["q", "w", "z"], ["i"]),
        helper.make_node("Cast", ["i"], ["f"], to=FLOAT),
        helper.make_node("Mul", ["f", "s"], ["y"]),
    ]
    weights = {
        "s": np.array(0.1, np.float32),
        "z": np.array(128, np.uint8),
        "w": RANDOM.integers(0, 2, size=(8, 3, 3, 3)).astype(np.uint8),
    }
    shapes = {"x": (FLOAT, ["n", 3, 8, 8])}, {"y": (FLOAT, ["n", 8, 6, 6])}
    return write(tmp_path / "int8.onnx", nodes, *shapes, weights)


def controlled(tmp_path):
    def branch(weight):
        return helper.make_graph(
            [helper.make_node("MatMul", ["x", "v"], ["z"])],
            "branch",
            [],
            [helper.make_tensor_value_info("z", FLOAT, None)],
            [numpy_helper.from_array(weight, "v")],
        )

    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "zero"], ["positive"]),
        helper.make_node(
            "If",
            ["positive"],
            ["y"],
            then_branch=branch(pruned(8, 8)),
            else_branch=branch(pruned(8, 8)),
        ),
    ]
    shapes = {"x": (FLOAT, ["n", 8])}, {"y": (FLOAT, ["n", 8])}
    return write(tmp_path / "if.onnx", nodes, *shapes, {"zero": np.array(0, np.float32)})


# It gives the parts that are claimed in two bodies one name, and says that they conflict.
ONE_NAME = pytest.mark.skipif(version(onnxruntime) < (1, 24), reason="ONNX Runtime 1.23 cannot")


@pytest.mark.parametrize("make", [quantized, pytest.param(controlled, marks=ONE_NAME)])
def test_graphs_of_integers_and_control_flow_pass_through(make, tmp_path):
    source = make(tmp_path)
    for form in ("plain", "compact"):
        out = tmp_path / f"{form}.onnx"
        exporter.export(source, out, form=form, tune=0)
        assert onnx.load(out).graph == onnx.load(source).graph
    with pytest.raises(InputError, match="no channel can leave"):
        exporter.export(source, tmp_path / "slim.onnx", form="slim", tune=0)


def test_a_fixed_batch_stays_fixed(tmp_path):
    source = write(
        tmp_path / "fixed.onnx",
        [helper.make_node("Gemm", ["x", "w"], ["y"])],
        {"x": (FLOAT, [3, 40])},
        {"y": (FLOAT, [3, 40])},
        {"w": pruned(40, 40)},
    )
    record = exporter.export(source, tmp_path / "out.onnx", form="compact", tune=0.1)
    assert record["images"] == 15
    assert forms.signature(onnx.load(tmp_path / "out.onnx")) == forms.signature(onnx.load(source))


def test_a_rewrite_that_answers_otherwise_fails_the_gate(picture, tmp_path, monkeypatch):
    real = forms.rewrite.compact

    def spoilt(proto, **options):
        made = real(proto, **options)
        (tensor,) = (t for t in made.graph.initializer if t.name == "w.values")
        tensor.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(tensor), tensor.name))
        return made

    monkeypatch.setattr(forms.rewrite, "compact", spoilt)
    out = tmp_path / "out" / "net.onnx"
    for values in ("float32", "float16"):
        with pytest.raises(GateError, match="parity: map differ by"):
            exporter.export(picture, out, form="compact", values=values, tune=0)
    assert not out.parent.exists()


def test_a_rewrite_that_changes_the_signature_or_the_grammar_fails_the_gate(
    picture, tmp_path, monkeypatch
):
    real = forms.rewrite.plain

    def renamed(proto):
        made = real(proto)
        made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
        return made

    def broken(proto):
        made = real(proto)
        made.graph.node[1].input[0] = "nowhere"
        return made

    for change, message in ((renamed, "outputs are not the source's"), (broken, "not valid ONNX")):
        monkeypatch.setattr(forms.rewrite, "plain", change)
        with pytest.raises(GateError, match=message):
            exporter.export(picture, tmp_path / "out.onnx", tune=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "tiny"}, "form: expected one of plain, compact, slim, got 'tiny'"),
        ({"values": "int8"}, "values: expected one of float32, float16, got 'int8'"),
        ({"values": "float16"}, "float16 weights are stored by the form 'compact', got 'plain'"),
        ({"round_to": 0}, "round_to: expected a whole number from 1, got 0"),
        ({"min_onnxruntime": "new"}, "expected a version such as 1.20, got 'new'"),
        ({"min_onnxruntime": "1.16"}, r"expected an ONNX Runtime from 1\.17 on, got 1\.16"),
    ],
)
def test_options_are_checked_before_anything_else(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        exporter.export(tmp_path / "missing.onnx", tmp_path / "out.onnx", **options)
