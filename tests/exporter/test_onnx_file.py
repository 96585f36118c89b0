import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from sparseprune import exporter, files, onnxruntime
from sparseprune.errors import GateError, InputError
from sparseprune.exporter import destination, external, onnx_file
from sparseprune.files import sha256


@pytest.fixture
def source(exported):
    return exported[0]


def metadata(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_a_copy_has_the_same_graph_and_more_provenance(source, tmp_path):
    path = tmp_path / "copy.onnx"
    record = exporter.export(source, path, provenance={"note": "copied", "ratio": 0.5})
    assert onnx.load(path).graph == onnx.load(source).graph
    found = metadata(path)
    assert (found["sparseprune.note"], found["sparseprune.ratio"]) == ("copied", "0.5")
    assert found["sparseprune.method"] == "WT"
    assert found["sparseprune.source"] == sha256(source)
    assert (record["images"], record["flips"]) == (16, 0)


def test_a_provider_that_answers_otherwise_fails_the_gate(source, tmp_path, monkeypatch):
    real = onnxruntime.session

    def spoilt(model, *, provider, **options):
        if provider == "cpu":
            return real(model, provider=provider, **options)
        proto = onnx.load_model_from_string(model)
        weight = next(t for t in proto.graph.initializer if t.name == "head.weight")
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * 1.01, weight.name))
        return real(proto.SerializeToString(), provider="cpu", **options)

    monkeypatch.setattr(onnxruntime, "session", spoilt)
    with pytest.raises(GateError, match=r"net\.onnx: parity: logits differ by"):
        exporter.export(source, tmp_path / "copy.onnx")
    assert list(tmp_path.iterdir()) == []


def test_damaged_and_missing_files_are_refused(source, tmp_path):
    with pytest.raises(InputError, match=r"no\.onnx: expected an ONNX file, found none"):
        onnx_file.load(tmp_path / "no.onnx")
    truncated = tmp_path / "truncated.onnx"
    truncated.write_bytes(source.read_bytes()[:500])
    with pytest.raises(InputError, match=r"expected an ONNX model, but .*truncated\.onnx is trunc"):
        onnx_file.load(truncated)
    proto = onnx.load(source)
    proto.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(proto, tmp_path / "unknown.onnx")
    with pytest.raises(InputError, match="expected a valid ONNX model, got No Op registered"):
        onnx_file.load(tmp_path / "unknown.onnx")


def test_a_source_is_not_overwritten(source):
    before = source.read_bytes()
    with pytest.raises(InputError, match="expected another path than the source's"):
        exporter.export(source, source)
    assert source.read_bytes() == before


def test_an_open_input_shape_needs_pictures(source, tmp_path, pictures):
    proto = onnx.load(source)
    proto.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    onnx.save(proto, tmp_path / "open.onnx")
    with pytest.raises(
        InputError, match=r"has shape \['batch', 2, 'height', 6\], some of it open; give"
    ):
        exporter.export(tmp_path / "open.onnx", tmp_path / "copy.onnx")
    record = exporter.export(
        tmp_path / "open.onnx", tmp_path / "copy.onnx", example_inputs=pictures
    )
    assert record["images"] == 16


def test_folders_other_endings_and_unwritable_places_are_refused(source, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="expected a file to write, got a folder"):
        exporter.export(source, tmp_path)
    with pytest.raises(InputError, match=r"expected a path that ends in \.onnx, got 'net\.bin'"):
        exporter.export(source, tmp_path / "net.bin")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write in .*file; choose a folder"):
        exporter.export(source, tmp_path / "file" / "net.onnx")
    monkeypatch.setattr(files.os, "access", lambda *_: False)
    with pytest.raises(InputError, match="choose a folder you may write in"):
        exporter.export(source, tmp_path / "net.onnx")


def test_a_full_disk_is_said_and_leaves_nothing(source, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(destination.Path, "write_bytes", refuse)
    with pytest.raises(InputError, match=r"net\.onnx: cannot be written: No space left on device"):
        exporter.export(source, tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_model_beyond_the_formats_limit_is_refused(source, tmp_path, monkeypatch):
    monkeypatch.setattr(external, "LARGEST_BYTES", 1000)
    with pytest.raises(InputError, match="expected a model below 2 GiB"):
        exporter.export(source, tmp_path / "net.onnx")


def test_provenance_that_json_cannot_hold_is_refused(source, tmp_path):
    with pytest.raises(
        InputError, match=r"provenance\['array'\]: expected a string or JSON values"
    ):
        exporter.export(source, tmp_path / "net.onnx", provenance={"array": np.zeros(2)})


def test_names_have_to_be_text(source, tmp_path):
    path = tmp_path / "other.onnx"
    path.write_bytes(source.read_bytes().replace(b"head.weight", b"head.w\xff\xfeght"))
    with pytest.raises(InputError, match=r"other\.onnx: expected names in UTF-8, got other bytes"):
        onnx_file.load(path)


def spoil(source, path, weight, where):
    proto = onnx.load(source)
    tensor = next(t for t in proto.graph.initializer if t.name == weight)
    array = numpy_helper.to_array(tensor).copy()
    array.flat[where] = np.nan
    tensor.CopyFrom(numpy_helper.from_array(array, weight))
    onnx.save(proto, path)


def test_a_source_that_answers_nan_is_named_with_the_weight(source, tmp_path, pictures):
    spoil(source, tmp_path / "nan.onnx", "head.weight", [0, 4])
    with pytest.raises(
        InputError, match=r"nan\.onnx: tensor 'head.weight': expected numbers, got 2 NaN"
    ):
        exporter.export(tmp_path / "nan.onnx", tmp_path / "copy.onnx")


def test_a_source_that_answers_nan_without_one_in_a_weight(tmp_path):
    info = onnx.helper.make_tensor_value_info
    nodes = [
        onnx.helper.make_node("Sub", ["x", "x"], ["zero"]),
        onnx.helper.make_node("Div", ["zero", "zero"], ["y"]),
    ]
    graph = onnx.helper.make_graph(nodes, "g", [info("x", 1, ["n", 4])], [info("y", 1, ["n", 4])])
    imports = [onnx.helper.make_opsetid("", 17)]
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=imports, ir_version=8), tmp_path / "n.onnx"
    )
    with pytest.raises(InputError, match=r"n\.onnx: .* got NaN for generated inputs; give others"):
        exporter.export(tmp_path / "n.onnx", tmp_path / "copy.onnx")


def test_a_form_it_cannot_have_is_refused_by_name(source, tmp_path):
    with pytest.raises(InputError, match=r"net\.onnx: no channel can leave in steps of 64"):
        exporter.export(source, tmp_path / "copy.onnx", form="slim", round_to=64)
