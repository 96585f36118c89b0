"""Small ONNX models, sound and otherwise."""

import onnx
import pytest
from onnx import helper, numpy_helper


@pytest.fixture
def model():
    """A function that makes a model of nodes and named weights, with input x and output y."""

    def make(nodes, weights, *, axes=("n", 8, 6, 6), sparse=(), imports=(("", 17),), **fields):
        info = helper.make_tensor_value_info
        graph = helper.make_graph(
            nodes,
            "g",
            [info("x", 1, axes)],
            [info("y", 1, None)],
            [
                w if isinstance(w, onnx.TensorProto) else numpy_helper.from_array(w, name)
                for name, w in weights.items()
            ],
            sparse_initializer=list(sparse),
        )
        opsets = [helper.make_opsetid(*each) for each in imports]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8, **fields)

    return make


@pytest.fixture
def save(model, tmp_path):
    """The same, written to a file; gives its path."""

    def write(nodes, weights, **options):
        path = tmp_path / "model.onnx"
        onnx.save(model(nodes, weights, **options), path)
        return path

    return write
