import signal
import subprocess
import sys
import time
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper


@pytest.fixture
def forever(tmp_path):
    """A model whose loop ends after the universe."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["still"]),
            helper.make_node("Add", ["state", "one"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [1]),
        ],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["often", "", "x"], ["y"], body=body)],
        "forever",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
        [
            helper.make_tensor("often", TensorProto.INT64, [], [2**62]),
            helper.make_tensor("one", TensorProto.FLOAT, [1], [1]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "forever.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_verb_while_a_model_computes(forever, number):
    verb = subprocess.Popen(
        [sys.executable, "-m", "sparseprune", "explain", str(forever)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_until_busy(verb.pid)
        verb.send_signal(number)
        _, said = verb.communicate(timeout=60)
    finally:
        verb.kill()
    assert verb.returncode == 130
    assert said.strip() == "sparseprune: ended while a library was computing"


def _wait_until_busy(pid):
    """Until it has computed for three seconds: imports take less than two."""
    ticks = 100  # of /proc, on every Linux
    while True:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        if int(fields[11]) > 3 * ticks:
            return
        time.sleep(0.1)
