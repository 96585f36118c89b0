import io
import json
import logging

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from sparseprune import exporter, runtime
from sparseprune.convert import bounds
from sparseprune.errors import GateError, InputError
from sparseprune.exporter import destination, module
from sparseprune.formats import checkpoint


def test_the_file_is_plain_checked_onnx(exported):
    proto = onnx.load(exported[0])
    onnx.checker.check_model(proto, full_check=True)
    assert {node.domain for node in proto.graph.node} == {""}
    assert {node.op_type for node in proto.graph.node} <= {
        "Conv",
        "Relu",
        "Add",
        "ReduceMean",
        "Gemm",
    }
    (port,), (answer,) = proto.graph.input, proto.graph.output
    assert (port.name, answer.name) == ("input", "logits")
    for value, sizes in ((port, ["batch", 2, 6, 6]), (answer, ["batch", 3])):
        dims = value.type.tensor_type.shape.dim
        assert [dim.dim_param or dim.dim_value for dim in dims] == sizes


@pytest.mark.parametrize("count", [1, 2, 7])
def test_any_batch_size_answers_as_torch_does(exported, model, count):
    batch = torch.randn(count, 2, 6, 6)
    found = runtime.load(exported[0]).predict(batch.numpy())
    with torch.no_grad():
        difference = np.abs(found - model(batch).numpy())
    assert (difference <= bounds.difference(model, batch).numpy()).all()


def test_the_record_says_what_was_found(exported):
    record = exported[1]
    assert 0 <= record["max_abs"] <= record["bound"] < 1e-4
    assert record["used"] <= 1
    # Three given pictures are too few and are joined by random ones.
    assert (record["images"], record["flips"]) == (16, 0)
    assert record["provider"].endswith("ExecutionProvider")


def test_provenance_is_readable_where_the_model_runs(exported, model):
    path, record = exported
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.get_modelmeta().custom_metadata_map
    assert {key.split(".", 1)[0] for key in found} == {"sparseprune"}
    assert (found["sparseprune.method"], found["sparseprune.ratio"]) == ("WT", "0.7")
    assert json.loads(found["sparseprune.recipe"]) == {"name": "x", "seed": 3}
    assert json.loads(found["sparseprune.parity"]) == {k: record[k] for k in record if k != "bytes"}
    assert json.loads(found["sparseprune.versions"])["onnxruntime"] == onnxruntime.__version__
    assert found["sparseprune.source"] == checkpoint.digest(model.state_dict())


def test_the_file_holds_no_source_code_and_no_paths(exported):
    content = exported[0].read_bytes()
    for trace in (b"stack_trace", b"conftest", b".py", b"/home", b"site-packages", b"def forward"):
        assert trace not in content


def test_pruned_weights_are_zero_in_the_file(exported, model):
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(exported[0]).graph.initializer}
    for name in ("stem.weight", "body.0.weight", "head.weight"):
        zeros = model.get_parameter(name).detach().numpy() == 0
        assert zeros.any()
        assert not stored[name][zeros].any()
    assert not stored["body.0.weight"][2].any()
    kept = model.body[0].weight.detach().numpy() != 0
    kept[2] = False
    assert np.array_equal(stored["body.0.weight"] != 0, kept)


def test_the_model_given_is_left_as_it_was(make_model, pictures, tmp_path):
    model = make_model().train()
    before = checkpoint.digest(model.state_dict())
    exporter.export(model, tmp_path / "net.onnx", example_inputs=(pictures,))
    assert model.training
    assert checkpoint.digest(model.state_dict()) == before
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not any(layer._forward_pre_hooks for layer in model.modules())


@pytest.fixture
def tamper(translated, monkeypatch):
    """A function that lets the translator give what ``change`` made of the right model."""

    def tamper(change):
        def spoilt(*_):
            proto = onnx.ModelProto()
            proto.CopyFrom(translated)
            change(proto)
            return proto

        monkeypatch.setattr(module, "translate", spoilt)

    return tamper


def scale_weight(proto, name="head.weight", factor=1.001):
    for tensor in proto.graph.initializer:
        if tensor.name == name:
            array = numpy_helper.to_array(tensor) * np.float32(factor)
            tensor.CopyFrom(numpy_helper.from_array(array, name))


def test_a_tampered_model_fails_the_parity_gate(model, pictures, tmp_path, tamper):
    tamper(scale_weight)
    with pytest.raises(GateError, match="parity: logits differ by"):
        exporter.export(model, tmp_path / "net.onnx", example_inputs=pictures)
    assert list(tmp_path.iterdir()) == []


def test_a_lost_zero_fails_the_gate(model, pictures, tmp_path, tamper):
    def revive(proto):
        (tensor,) = (t for t in proto.graph.initializer if t.name == "stem.weight")
        array = numpy_helper.to_array(tensor).copy()
        array[array == 0] = 1e-12
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))

    tamper(revive)
    with pytest.raises(
        GateError, match=r"stem\.weight: \d+ pruned weights, but the ONNX file does"
    ):
        exporter.export(model, tmp_path / "net.onnx", example_inputs=pictures)
    assert list(tmp_path.iterdir()) == []


def test_an_invalid_translation_fails_the_gate(model, pictures, tmp_path, tamper):
    def remove_output(proto):
        proto.graph.node[-1].output[0] = "elsewhere"

    tamper(remove_output)
    with pytest.raises(GateError, match="torch wrote an invalid ONNX model"):
        exporter.export(model, tmp_path / "net.onnx", example_inputs=pictures)


def test_an_interrupt_leaves_nothing_behind_and_the_old_file_whole(
    model, pictures, tmp_path, tamper, monkeypatch
):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"old")

    def interrupt(self, content):
        with self.open("wb") as stream:
            stream.write(content[: len(content) // 2])
        raise KeyboardInterrupt

    tamper(lambda proto: None)
    monkeypatch.setattr(destination.Path, "write_bytes", interrupt)
    with pytest.raises(KeyboardInterrupt):
        exporter.export(model, path, example_inputs=pictures)
    assert [file.name for file in tmp_path.iterdir()] == ["net.onnx"]
    assert path.read_bytes() == b"old"


def test_a_given_bound_replaces_the_computed_one(model, pictures, tmp_path, tamper):
    tamper(scale_weight)
    with pytest.raises(GateError, match="at most 1e-09 can come"):
        exporter.export(model, tmp_path / "net.onnx", example_inputs=pictures, bound=1e-9)
    record = exporter.export(model, tmp_path / "net.onnx", example_inputs=pictures, bound=1.0)
    assert 1e-5 < record["max_abs"] < record["bound"] == 1.0


def test_an_operation_without_a_bound_may_cost_half_the_digits(pictures, tmp_path):
    model = nn.Sequential(nn.Flatten(), nn.Linear(72, 3), nn.LogSoftmax(dim=1))
    record = exporter.export(model, tmp_path / "net.onnx", example_inputs=pictures, tune=0)
    assert record["max_abs"] < 1e-5 < record["bound"] < 1e-2


def test_a_bound_that_would_take_long_is_not_computed(pictures, monkeypatch):
    model = nn.Sequential(nn.Flatten(), nn.Linear(72, 101))
    monkeypatch.setattr(bounds, "difference", lambda *_: pytest.fail("takes hours"))
    logits = np.ones((3, 101), np.float32)
    (found,) = module.limits(model, pictures.numpy(), logits, None)
    assert 1e-4 < found["logits"] < 1e-3


def test_nothing_is_printed_or_logged(model, pictures, tmp_path, capfd, caplog):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    try:
        exporter.export(model, tmp_path / "net.onnx", example_inputs=pictures, provider="cpu")
    finally:
        logging.getLogger().removeHandler(handler)
    assert capfd.readouterr() == ("", "")
    assert stream.getvalue() == ""
    # torch.__trace writes to any handler of level DEBUG, whatever is disabled.
    assert not [record for record in caplog.records if record.levelno >= logging.INFO]
    assert logging.root.manager.disable == 0


def test_nan_weights_are_named(model, pictures, tmp_path):
    with torch.no_grad():
        model.body[0].weight[0, 0, 0, 0] = float("nan")
    with pytest.raises(
        InputError, match=r"tensor 'body\.0\.weight': expected finite values, got 1 NaN"
    ):
        exporter.export(model, tmp_path / "net.onnx", example_inputs=pictures)


@pytest.mark.parametrize("values", ["float32", "float16"])
def test_a_module_becomes_compact(pictures, tmp_path, values):
    wide = nn.Sequential(nn.Flatten(), nn.Linear(72, 64), nn.ReLU(), nn.Linear(64, 3))
    with torch.no_grad():
        wide[1].weight[torch.rand_like(wide[1].weight) < 0.9] = 0
    path = tmp_path / "net.onnx"
    record = exporter.export(
        wide, path, example_inputs=pictures, form="compact", values=values, tune=0
    )
    proto = onnx.load(path)
    assert [node.op_type for node in proto.graph.node if node.domain] == ["SparseLinear"]
    assert record["max_abs"] <= record["bound"] < 1e-3
    assert ("rounding" in record) == (values == "float16")
    batch = torch.randn(5, 2, 6, 6)
    with torch.no_grad():
        apart = np.abs(runtime.load(path).predict(batch.numpy()) - wide(batch).numpy()).max()
    assert apart < (1e-2 if values == "float16" else 1e-4)


def test_a_translation_is_checked_before_its_weights_are_rounded(model, pictures, tmp_path, tamper):
    tamper(scale_weight)
    with pytest.raises(GateError, match="parity: logits differ by"):
        exporter.export(
            model,
            tmp_path / "net.onnx",
            example_inputs=pictures,
            form="compact",
            values="float16",
            tune=0,
        )


@pytest.mark.parametrize(("oldest", "opset", "ir"), [("1.17", 20, 9), ("1.23", 20, 10)])
def test_the_oldest_runtime_decides_the_version(model, pictures, tmp_path, oldest, opset, ir):
    path = tmp_path / "net.onnx"
    exporter.export(model, path, example_inputs=pictures, min_onnxruntime=oldest, tune=0)
    proto = onnx.load(path)
    assert (proto.opset_import[0].version, proto.ir_version) == (opset, ir)


def test_a_bound_that_takes_minutes_is_not_computed(monkeypatch):
    """100 classes of 16 pictures of 224 x 224 took 90 seconds and 5 GB."""

    def computed(*_):
        raise AssertionError("a backward pass for every class of such pictures")

    monkeypatch.setattr(bounds, "difference", computed)
    pictures, logits = np.zeros((16, 3, 224, 224), np.float32), np.ones((16, 100), np.float32)
    (limit,) = module.limits(nn.Flatten(), pictures, logits, None)
    assert 0 < limit["logits"] < 1e-3
    with pytest.raises(AssertionError, match="backward"):
        module.limits(nn.Flatten(), pictures, logits[:, :10], None)
