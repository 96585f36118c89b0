"""Files of strangers are read, or refused with a sentence."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from sparseprune.errors import InputError
from sparseprune.rewrite.reading import read


def model(name="w", **fields):
    """One product with a constant [2, 2]; ``fields`` of its tensor."""
    info = helper.make_tensor_value_info
    tensor = TensorProto(name=name, dims=[2, 2], data_type=fields.pop("data_type", 1), **fields)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", name], ["y"])],
        "g",
        [info("x", TensorProto.FLOAT, ["n", 2])],
        [info("y", TensorProto.FLOAT, ["n", 2])],
        [tensor],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def beside(path, **fields):
    """The same with its constant in ``w.bin``."""
    (path.parent / "w.bin").write_bytes(np.eye(2, dtype=np.float32).tobytes())
    made = model(data_location=TensorProto.EXTERNAL, **fields)
    made.graph.initializer[0].external_data.add(key="location", value="w.bin")
    path.write_bytes(made.SerializeToString())


def test_weights_beside_a_model_are_read_if_asked_for(tmp_path):
    path = tmp_path / "net.onnx"
    beside(path)
    (tensor,) = read(path).graph.initializer
    assert np.array_equal(onnx.numpy_helper.to_array(tensor), np.eye(2))
    (tensor,) = read(path, weights=False).graph.initializer
    assert tensor.data_location == TensorProto.EXTERNAL


@pytest.mark.parametrize("kind", [0, 99])
def test_weights_of_no_known_type_are_refused(kind, tmp_path):
    beside(tmp_path / "net.onnx", data_type=kind)
    with pytest.raises(InputError, match=r"net\.onnx: tensor 'w': .* malformed entry"):
        read(tmp_path / "net.onnx")


def test_weights_that_cannot_be_opened_are_named(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    beside(path)
    opened = type(path).open

    def refuse(self, *mode):
        if self.name == "w.bin":
            raise PermissionError(13, "Permission denied")
        return opened(self, *mode)

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(InputError, match=r"tensor 'w': cannot read .*w\.bin: Permission denied"):
        read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated or something else"),
        (b"\xff" * 20, "truncated or something else"),
        (model("ww").SerializeToString().replace(b"ww", b"\xff\xfe"), "expected names in UTF-8"),
    ],
    ids=["empty", "noise", "names"],
)
def test_what_is_no_model_is_refused(content, message, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read(path)
