"""What the provider says of a graph that ONNX Runtime shows it more than once."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sparseprune import onnxruntime
from sparseprune.runtime.explain import explain


@pytest.fixture
def inlined(tmp_path):
    """A pruned product after a call of a function, which ONNX Runtime inlines."""
    opset = helper.make_opsetid("", 17)
    body = [helper.make_node("Exp", ["a"], ["b"], name="exp")]
    function = helper.make_function("theirs", "F", ["a"], ["b"], body, [opset])
    weight = np.zeros((64, 64), np.float32)
    weight[0] = 1
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("F", ["x"], ["h"], name="call", domain="theirs"),
            helper.make_node("MatMul", ["h", "w"], ["y"], name="product"),
        ],
        "g",
        [info("x", TensorProto.FLOAT, ["n", 64])],
        [info("y", TensorProto.FLOAT, ["n", 64])],
        [numpy_helper.from_array(weight, "w")],
    )
    imports = [opset, helper.make_opsetid("theirs", 1)]
    proto = helper.make_model(graph, functions=[function], opset_imports=imports, ir_version=8)
    path = tmp_path / "net.onnx"
    onnx.save(proto, path)
    return path


def test_only_the_graph_that_runs_is_told(inlined, tmp_path):
    lines = tmp_path / "lines"
    onnxruntime.session(inlined, provider="sparseprune", explain=lines)
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    assert sum(row["event"] == "graph" for row in rows) > 1
    assert rows[0] == {"event": "graph"}
    found = explain(inlined)["nodes"]
    assert [node["op"] for node in found] == ["Exp", "MatMul"]


def test_a_tiny_network_waits_for_the_call_itself(tmp_path):
    weight = np.zeros((4, 4), np.float32)
    weight[0] = 1
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [info("x", TensorProto.FLOAT, [1, 4])],
        [info("y", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(weight, "w")],
    )
    imports = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), tmp_path / "m.onnx")
    found = explain(tmp_path / "m.onnx")
    assert found["nodes"][0]["region"] == 0
    assert 1 < found["estimate"]["theirs"] / found["estimate"]["ours"] < 1.1
