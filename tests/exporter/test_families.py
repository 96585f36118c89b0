"""Pruned and slimmed networks of several kinds answer from their ONNX file as torch does."""

import numpy as np
import pytest
import torch

from sparseprune import exporter, models, prune, runtime
from sparseprune.convert import slim
from sparseprune.recipe import Prune

NETWORKS = {
    "vit": ((3, 8, 8), {"width": 12, "depth": 1}),
    "vgg16_bn": ((3, 32, 32), {"width": 2}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_slim_network_is_exported_and_runs(name, tmp_path):
    shape, options = NETWORKS[name]
    torch.manual_seed(0)
    model = models.build(name, input_shape=shape, classes=5, **options).eval()
    pictures = torch.randn(3, *shape)
    prune.cycle(model, pictures, Prune(method="FT", ratios=[0.15]), 0.15).apply(model)
    slimmed = slim(model, pictures)
    assert slimmed.record["removed"] > 0
    exporter.export(slimmed.model, tmp_path / "slim.onnx", example_inputs=pictures)
    found = runtime.load(tmp_path / "slim.onnx").predict(pictures.numpy())
    with torch.no_grad():
        expected = model(pictures).numpy()
    assert np.abs(expected).max() > 1e-2
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
