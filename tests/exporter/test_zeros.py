import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from torch import nn

from sparseprune.errors import GateError
from sparseprune.exporter.zeros import check_zeros


def stored(**tensors):
    initializers = [numpy_helper.from_array(array, name) for name, array in tensors.items()]
    return helper.make_model(helper.make_graph([], "weights", [], [], initializers))


@pytest.fixture
def model():
    layer = nn.Linear(3, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0, 1.0, 2.0], [3.0, 0.0, 4.0]]))
    return layer


@pytest.mark.parametrize("name", ["weight", "renamed"])
@pytest.mark.parametrize("transposed", [False, True])
def test_zeros_are_found_under_any_name_and_orientation(model, name, transposed):
    weight = model.weight.detach().numpy()
    check_zeros(model, stored(**{name: weight.T.copy() if transposed else weight}))


def test_more_zeros_are_fine_and_fewer_are_not(model):
    weight = model.weight.detach().numpy().copy()
    check_zeros(model, stored(weight=weight * np.array([[0.0], [1.0]], np.float32)))
    weight[0, 0] = 1e-30
    with pytest.raises(
        GateError, match="weight: 2 pruned weights, but the ONNX file does not keep"
    ):
        check_zeros(model, stored(weight=weight))


def test_a_dense_model_needs_no_check():
    check_zeros(nn.Conv2d(1, 1, 1), onnx.ModelProto())
