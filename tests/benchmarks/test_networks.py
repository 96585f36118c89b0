"""The files hold the zeros that were asked for, in the layers they are for."""

import numpy as np
import onnx
import pytest
import torch
from networks import DENSE, Network, Zeros, linear, pointwise
from onnx import numpy_helper

from sparseprune import models


def weights(path):
    stored = onnx.load(path).graph.initializer
    return {t.name: numpy_helper.to_array(t) for t in stored if t.name.endswith("weight")}


@pytest.mark.parametrize("zeros", [Zeros(80), Zeros(95), Zeros(90, 4)], ids=lambda z: z.name)
def test_stem_and_classifier_stay_dense(built, zeros):
    found = weights(built.path(zeros))
    assert len(found) == 10
    for name, weight in found.items():
        share = np.count_nonzero(weight == 0) / weight.size
        if name in ("conv1.weight", "fc.weight"):
            assert share == 0, name
        else:
            assert abs(share - zeros.percent / 100) <= 0.5 * zeros.block / weight.size, name


def test_the_file_and_the_twin_are_one_network(built):
    from sparseprune.runtime import OnnxRunner

    x = built.network.samples(3)
    with torch.no_grad():
        expected = built.twin(Zeros(90))(torch.from_numpy(x)).numpy()
    found = OnnxRunner(built.path(Zeros(90)), provider="cpu").predict(x)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * abs(expected).max())
    assert not np.allclose(found, OnnxRunner(built.path(DENSE), provider="cpu").predict(x))


def test_every_convolution_of_the_file_has_a_bias(built):
    nodes = onnx.load(built.path(DENSE)).graph.node
    assert {len(node.input) for node in nodes if node.op_type == "Conv"} == {3}


def test_weights_masks_and_samples_are_the_same_every_time():
    network = Network("n", "resnet8", (1, 12, 12), 10)
    first, second = network.build(), network.build()
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    masks = [network.masks(first, Zeros(90)) for _ in "ab"]
    assert all((masks[0][name] == masks[1][name]).all() for name in masks[0])
    assert (network.samples(2) == network.samples(5)[:2]).all()


def test_which_layers_are_pruned():
    with torch.device("meta"):
        mobile = models.build("mobilenet", input_shape=(3, 32, 32), classes=5)
        chain = models.build("feed_forward", input_shape=(1, 1, 6), classes=5)
    assert pointwise(mobile) == [f"features.{block}.3" for block in range(3, 8)]
    assert linear(chain) == ["fc1", "fc2"]
