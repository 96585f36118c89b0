"""Models whose weights lie in a file beside them: large ones, broken ones, and those that point
elsewhere."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from sparseprune import onnxruntime
from sparseprune.errors import InputError
from sparseprune.onnxruntime import external as external_files

WEIGHT = np.array([[0, 2, 0], [0, 0, -1]], np.float32)


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


WAYS = ["absolute", "above", "through a folder", "link", "linked folder"]


def way_out(way, folder):
    outside = folder.parent / "weights.bin"
    (folder / "link.bin").symlink_to(outside)
    (folder / "linked").symlink_to(folder.parent)
    return {
        "absolute": outside,
        "above": "../weights.bin",
        "through a folder": "inner/../../weights.bin",
        "link": "link.bin",
        "linked folder": "linked/weights.bin",
    }[way]


@pytest.mark.parametrize("way", WAYS)
def test_a_path_that_leads_out_of_the_models_folder_is_refused(way, folder):
    """By ONNX Runtime from 1.27 on, and before by us."""
    with pytest.raises(InputError, match=r"not allowed|escapes|inside its folder"):
        open_with(folder, location=way_out(way, folder))


def in_a_branch(model):
    """Its graph as a branch of an If."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(model.graph.node, "body", [], model.graph.output)
    body.initializer.extend(model.graph.initializer)
    node = helper.make_node("If", ["flag"], ["out"], then_branch=body, else_branch=body)
    inputs = [*model.graph.input, value("flag", TensorProto.BOOL, [])]
    graph = helper.make_graph([node], "outer", inputs, [value("out", TensorProto.FLOAT, None)])
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=8)


def in_a_constant(model):
    """Its weight as an attribute of a Constant node, in a function."""
    node = helper.make_node("Constant", [], ["w"], value=model.graph.initializer[0])
    function = helper.make_function(
        "ours", "Weight", [], ["w"], [node], [helper.make_opsetid("", 17)]
    )
    model.functions.append(function)
    del model.graph.initializer[:]
    return model


@pytest.mark.parametrize("place", [lambda model: model, in_a_branch, in_a_constant])
@pytest.mark.parametrize("way", [*WAYS, "inside"])
def test_older_runtimes_open_only_what_lies_inside(way, place, folder):
    location = "inner/../weights.bin" if way == "inside" else way_out(way, folder)
    path = folder / "model.onnx"
    path.write_bytes(
        place(chain([external("w", [2, 3], location=location)], 3)).SerializeToString()
    )
    if way == "inside":
        external_files.check(path)
        return
    with pytest.raises(InputError, match=r"expected the weights of .* inside its folder"):
        external_files.check(path)


def test_what_is_no_model_is_no_model(folder):
    model = chain([external("w", [2, 3], location="weights.bin")], 3).SerializeToString()
    path = folder / "model.onnx"
    for spoiled in (model[:-3], b"\x3b" + model, b"\xff" * 20):
        path.write_bytes(spoiled)
        with pytest.raises(InputError, match="truncated or something else"):
            external_files.check(path)


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
