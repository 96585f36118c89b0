"""The check can fail: an ONNX file with a few changed weights beside its healthy torch twin."""

from dataclasses import dataclass

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from sparseprune import records
from sparseprune.evaluate import Pair, run
from sparseprune.runtime import OnnxRunner, TorchRunner


@dataclass
class Noise:
    name: str
    seed: int
    severity: int = 3
    labels: np.ndarray | None = None

    def batches(self):
        return [self.batch()]

    def batch(self):
        return np.random.default_rng(self.seed).normal(size=(400, 20)).astype(np.float32)


@pytest.fixture
def twin():
    torch.manual_seed(0)
    return nn.Linear(20, 5)


def accelerated(twin, weight):
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["input", "W", "b"], ["logits"], transB=1)],
        "linear",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 20])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 5])],
        [
            numpy_helper.from_array(weight, "W"),
            numpy_helper.from_array(twin.bias.detach().numpy(), "b"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return OnnxRunner(model.SerializeToString())


@pytest.mark.parametrize(("changed", "passed"), [(0, True), (1, False), (3, False)])
def test_changed_weights_are_reported(twin, changed, passed):
    shifts = [Noise("clean", 0), Noise("fog", 1), Noise("snow", 2)]
    weight = twin.weight.detach().numpy().copy()
    weight[np.arange(changed), 0] *= -1
    with torch.no_grad():
        labels = twin(torch.from_numpy(shifts[0].batch())).argmax(1).numpy()
    pair = Pair(accelerated(twin, weight), TorchRunner(twin))
    (verdict,) = records.select(run(shifts, labels, {"net": pair}), "verdict")
    assert verdict["passed"] is passed
    assert (verdict["unexplained"] == 0) is passed
    assert verdict["sentence"].startswith("no further loss found") is passed
