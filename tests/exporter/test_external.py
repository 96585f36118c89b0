"""Weights beside a model are read from its own folder alone, and written whole."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from sparseprune import exporter
from sparseprune.errors import GateError, InputError
from sparseprune.exporter import destination, external, onnx_file


@pytest.fixture
def proto():
    """A linear layer with 90 % zeros, 16 kB."""
    random = np.random.default_rng(0)
    weight = random.normal(size=(64, 64)).astype(np.float32)
    weight[random.random(weight.shape) < 0.9] = 0
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="layer", transB=1)],
        "g",
        [info("x", TensorProto.FLOAT, ["n", 64])],
        [info("y", TensorProto.FLOAT, ["n", 64])],
        [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(weight[0].copy(), "b")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def source(proto, tmp_path):
    """A function that writes the model with its weights beside it and changes entries."""

    def write(**entries):
        folder = tmp_path / "source"
        folder.mkdir()
        copy = onnx.ModelProto()
        copy.CopyFrom(proto)
        onnx.save(
            copy,
            folder / "net.onnx",
            save_as_external_data=True,
            location="weights.bin",
            size_threshold=0,
        )
        if entries:
            changed = onnx.load(folder / "net.onnx", load_external_data=False)
            for entry in changed.graph.initializer[0].external_data:
                entry.value = entries.get(entry.key, entry.value)
            (folder / "net.onnx").write_bytes(changed.SerializeToString())
        return folder / "net.onnx"

    return write


def test_weights_beside_a_model_are_read(source, proto):
    found = onnx_file.load(source())
    assert found.graph == proto.graph


@pytest.mark.parametrize(
    "location",
    [
        "../weights.bin",
        "/etc/passwd",
        "a/../../weights.bin",
        "",
        "..\\weights.bin",
        "C:\\w.bin",
        "\\w",
        "a\0b",
    ],
)
def test_paths_that_leave_the_folder_are_refused(source, tmp_path, location):
    (tmp_path / "weights.bin").write_bytes(bytes(20000))
    path = source(location=location)
    with pytest.raises(
        InputError, match=r"tensor 'w': expected external data in the model's folder"
    ):
        onnx_file.load(path)


def test_links_that_leave_the_folder_are_refused(source, tmp_path):
    path = source()
    weights = path.with_name("weights.bin")
    weights.rename(tmp_path / "elsewhere.bin")
    weights.symlink_to(tmp_path / "elsewhere.bin")
    with pytest.raises(InputError, match="expected external data in the model's folder"):
        onnx_file.load(path)
    weights.unlink()
    weights.symlink_to(weights)
    with pytest.raises(InputError, match=r"expected external data|found none"):
        onnx_file.load(path)


def test_links_inside_the_folder_are_followed(source):
    path = source()
    weights = path.with_name("weights.bin")
    weights.rename(path.with_name("real.bin"))
    weights.symlink_to("real.bin")
    onnx_file.load(path)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            {"location": "gone.bin"},
            "expected its weights in .*gone.bin, found none; copy that file",
        ),
        ({"length": "100"}, "expected 16384 bytes of external data, got 100 from 0"),
        ({"offset": "-5"}, "expected 16384 bytes of external data, got 16384 from -5"),
        ({"offset": "many"}, "has a malformed entry"),
        ({"offset": "1000000000000"}, r"expected 1000000016384 bytes in weights\.bin, got 16640"),
    ],
)
def test_damaged_entries_are_named(source, entries, message):
    path = source(**entries)
    with pytest.raises(InputError, match=message):
        onnx_file.load(path)


def test_a_small_model_with_weights_beside_it_becomes_one_file(source, tmp_path):
    out = tmp_path / "out" / "net.onnx"
    exporter.export(source(), out, tune=0)
    assert [path.name for path in out.parent.iterdir()] == ["net.onnx"]


@pytest.fixture
def limit(monkeypatch):
    """Every model above 8 kB counts as large."""
    monkeypatch.setattr(external, "LARGEST_BYTES", 8192)


def run(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


@pytest.mark.usefixtures("limit")
@pytest.mark.parametrize("beside", [True, False])
def test_a_large_model_keeps_its_weights_beside_it(source, proto, tmp_path, beside):
    path = tmp_path / "whole.onnx"
    path.write_bytes(proto.SerializeToString())
    path = source() if beside else path
    out = tmp_path / "out" / "net.onnx"
    record = exporter.export(path, out, tune=0.1)
    assert sorted(p.name for p in out.parent.iterdir()) == ["net.onnx", "net.onnx.data"]
    assert out.stat().st_size < 8192 < record["bytes"]["file"]
    onnx.checker.check_model(str(out), full_check=True)
    x = np.random.default_rng(1).normal(size=(3, 64)).astype(np.float32)
    assert np.array_equal(run(out, x), run(path, x))
    # What is small stays in the model.
    stored = onnx.load(out, load_external_data=False).graph.initializer
    assert [t.data_location == TensorProto.EXTERNAL for t in stored] == [True, False]


@pytest.mark.usefixtures("limit")
def test_a_large_model_that_becomes_small_is_one_file(proto, tmp_path):
    (tmp_path / "whole.onnx").write_bytes(proto.SerializeToString())
    out = tmp_path / "out" / "net.onnx"
    record = exporter.export(tmp_path / "whole.onnx", out, form="compact", tune=0)
    assert [path.name for path in out.parent.iterdir()] == ["net.onnx"]
    assert record["bytes"]["file"] < 8192 < record["bytes"]["dense"]


@pytest.mark.usefixtures("limit")
def test_a_large_model_that_fails_leaves_nothing(proto, tmp_path, monkeypatch):
    (tmp_path / "whole.onnx").write_bytes(proto.SerializeToString())
    out = tmp_path / "out" / "net.onnx"
    with pytest.raises(GateError, match="parity: y differ by"):
        exporter.export(tmp_path / "whole.onnx", out, tune=0, bound=-1)
    assert list(out.parent.iterdir()) == []

    def refuse(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(destination.Path, "replace", refuse)
    with pytest.raises(InputError, match=r"net\.onnx: cannot be written: No space left on device"):
        exporter.export(tmp_path / "whole.onnx", out, tune=0)
    assert list(out.parent.iterdir()) == []


@pytest.mark.usefixtures("limit")
def test_weights_do_not_stay_without_their_model(proto, tmp_path, monkeypatch):
    """The second of the two files cannot be placed."""
    real, placed = destination.Path.replace, []

    def refuse_second(self, target):
        placed.append(target.name)
        if len(placed) == 2:
            raise OSError(5, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(destination.Path, "replace", refuse_second)
    with destination.staging(proto, tmp_path / "net.onnx") as stage, pytest.raises(InputError):
        stage.commit(proto)
    assert placed == ["net.onnx.data", "net.onnx"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("limit")
def test_weights_are_back_in_the_model_after_it_was_written(proto, tmp_path):
    before = proto.SerializeToString(deterministic=True)
    with destination.staging(proto, tmp_path / "net.onnx") as stage:
        stage.commit(proto)
    assert proto.SerializeToString(deterministic=True) == before


@pytest.mark.usefixtures("limit")
def test_numbers_in_typed_fields_are_written_too(proto, tmp_path):
    weight = numpy_helper.to_array(proto.graph.initializer[0])
    typed = helper.make_tensor("w", TensorProto.FLOAT, weight.shape, weight.reshape(-1))
    proto.graph.initializer[0].CopyFrom(typed)
    with destination.staging(proto, tmp_path / "net.onnx") as stage:
        stage.commit(proto)
    found = onnx.load(tmp_path / "net.onnx").graph.initializer[0]
    assert np.array_equal(numpy_helper.to_array(found), weight)
