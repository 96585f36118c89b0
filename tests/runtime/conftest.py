"""Small ONNX models, made without torch."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper


@pytest.fixture
def write_model(tmp_path):
    """A function that writes logits = flatten(input) @ W and returns its path and W."""

    def write(name="model.onnx", *, batch="batch", inputs=1, kind=TensorProto.FLOAT, rank2=True):
        weight = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
        pictures = [
            helper.make_tensor_value_info(f"input{i or ''}", kind, [batch, 3, 2, 2])
            for i in range(inputs)
        ]
        nodes = [
            helper.make_node("Cast", ["input"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["float"], ["flat"]),
            helper.make_node("MatMul", ["flat", "W"], ["logits" if rank2 else "scores"]),
        ]
        if not rank2:
            nodes.append(helper.make_node("Unsqueeze", ["scores", "axis"], ["logits"]))
        shape = [batch, 3] if rank2 else [batch, 3, 1]
        graph = helper.make_graph(
            nodes,
            "linear",
            pictures,
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
            [
                numpy_helper.from_array(weight, "W"),
                numpy_helper.from_array(np.array([2], np.int64), "axis"),
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        onnx.save(model, tmp_path / name)
        return tmp_path / name, weight

    return write
