"""pytest-benchmark on the cases of ``run.py``: ``pytest benchmarks``."""

import pytest
import torch
from cases import cpu

from sparseprune import exporter
from sparseprune.runtime import OnnxRunner


@pytest.mark.parametrize("case", [case for case in cpu() if case.batch == 1], ids=lambda c: c.name)
def test_predict(benchmark, case, tmp_path):
    generator = torch.Generator().manual_seed(1)
    pictures = torch.randn(case.batch, *case.input_shape, generator=generator)
    exporter.export(case.build(), tmp_path / "model.onnx", example_inputs=pictures)
    runner = OnnxRunner(tmp_path / "model.onnx", provider="auto" if case.sparsity else "cpu")
    logits = benchmark(runner.predict, pictures.numpy())
    with torch.inference_mode():
        expected = case.build()(pictures).numpy()
    # The exporter has checked parity within computed bounds; this guards the benchmark itself.
    assert abs(logits - expected).max() < 1e-3 * abs(expected).max()
