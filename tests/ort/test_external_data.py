"""Models whose weights lie in a file beside them: large ones, broken ones, and those that point
elsewhere."""

import os

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from sparseprune import onnxruntime
from sparseprune.errors import InputError

WEIGHT = np.array([[0, 2, 0], [0, 0, -1]], np.float32)
VERSION = tuple(int(part) for part in ort.__version__.split(".")[:2])


def external(name, shape, **place):
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in place.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    return tensor


def chain(tensors, features):
    """x through one Gemm after another, each by one of the tensors."""
    names = ["x", *(f"y{i}" for i in range(len(tensors)))]
    steps = zip(names, tensors, names[1:], strict=False)
    nodes = [helper.make_node("Gemm", [a, t.name], [b], transB=1) for a, t, b in steps]
    values = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", features]),
        helper.make_tensor_value_info(names[-1], TensorProto.FLOAT, None),
    ]
    graph = helper.make_graph(nodes, "chain", values[:1], values[1:], tensors)
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.fixture
def folder(tmp_path):
    """models/ with weights.bin in it, and the same beside the folder."""
    made = tmp_path / "models"
    (made / "inner").mkdir(parents=True)
    for place in (made, tmp_path):
        (place / "weights.bin").write_bytes(WEIGHT.tobytes())
    return made


def open_with(folder, provider="sparseprune", **place):
    path = folder / "model.onnx"
    onnx.save(chain([external("w", [2, 3], **place)], 3), path)
    return onnxruntime.session(path, provider=provider, min_sparsity=0)


def test_weights_beside_the_model_run_sparse(folder):
    session = open_with(folder, location="weights.bin")
    (y,) = session.run(None, {"x": np.ones((1, 3), np.float32)})
    np.testing.assert_array_equal(y, [[2, -1]])
    assert onnxruntime.assignment(session) in [(1, 1), None]


BROKEN = {
    "missing": {"location": "none.bin"},
    "a folder": {"location": "inner"},
    "no name": {"location": ""},
    "beyond the end": {"location": "weights.bin", "offset": 8, "length": 24},
    "far beyond the end": {"location": "weights.bin", "offset": 2**62, "length": 24},
    "before the beginning": {"location": "weights.bin", "offset": -8, "length": 24},
    "too short": {"location": "weights.bin", "offset": 0, "length": 4},
}


@pytest.mark.parametrize("provider", ["cpu", "sparseprune"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_side_file_that_is_not_as_said_is_an_error(name, provider, folder):
    with pytest.raises(InputError, match="ONNX Runtime cannot run"):
        open_with(folder, provider, **BROKEN[name])


@pytest.mark.skipif(VERSION < (1, 27), reason="this ONNX Runtime follows any path")
@pytest.mark.parametrize("way", ["absolute", "above", "through a folder", "link", "linked folder"])
def test_a_path_that_leads_out_of_the_models_folder_is_refused(way, folder):
    outside = folder.parent / "weights.bin"
    os.symlink(outside, folder / "link.bin")
    os.symlink(folder.parent, folder / "linked")
    location = {
        "absolute": outside,
        "above": "../weights.bin",
        "through a folder": "inner/../../weights.bin",
        "link": "link.bin",
        "linked folder": "linked/weights.bin",
    }[way]
    with pytest.raises(InputError, match="not allowed|escapes"):
        open_with(folder, location=location)


@pytest.mark.slow
def test_a_model_of_more_than_two_gigabytes(tmp_path):
    """The side file has holes: each weight is a permutation, its rows shifted by one more."""
    features, layers = 8192, 9
    shape = (layers, features, features)
    assert 4 * np.prod(shape) > 2**31
    side = np.memmap(tmp_path / "weights.bin", np.float32, "w+", shape=shape)
    rows = np.arange(features)
    for layer in range(layers):
        side[layer, rows, (rows + layer) % features] = 1
    side.flush()
    size = 4 * features**2
    tensors = [
        external(f"w{i}", shape[1:], location="weights.bin", offset=i * size, length=size)
        for i in range(layers)
    ]
    path = tmp_path / "model.onnx"
    onnx.save(chain(tensors, features), path)
    session = onnxruntime.session(path, provider="sparseprune", threads=1, min_sparsity=0.5)
    assert onnxruntime.assignment(session) in [(layers, layers), None]
    x = np.arange(features, dtype=np.float32)[None]
    (y,) = session.run(None, {"x": x})
    np.testing.assert_array_equal(y, np.roll(x, -sum(range(layers)), 1))
    (tmp_path / "weights.bin").unlink()
