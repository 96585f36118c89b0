import subprocess
import sys

import numpy as np
import pytest

from sparseprune import runtime
from sparseprune.errors import InputError


def test_onnx_files_run_without_torch(write_model):
    path, _ = write_model()
    code = (
        "import sys, numpy, sparseprune as sp; "
        f"print(sp.load({str(path)!r}).predict(numpy.zeros((2, 3, 2, 2), 'f4')).shape); "
        "assert 'torch' not in sys.modules and 'pydantic' not in sys.modules"
    )
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert child.stdout.strip() == "(2, 3)", child.stderr


def test_checkpoints_run_in_torch(tmp_path):
    import torch

    from sparseprune import models
    from sparseprune.formats import checkpoint

    torch.manual_seed(0)
    model = models.build("resnet8", input_shape=(1, 28, 28), classes=10)
    spec = {"name": "resnet8", "options": {}, "input_shape": [1, 28, 28], "classes": 10}
    path = tmp_path / "net.safetensors"
    checkpoint.save(path, checkpoint.Checkpoint(spec, model.state_dict()))
    runner = runtime.load(path, threads=1)
    batch = np.random.default_rng(0).normal(size=(2, 1, 28, 28)).astype(np.float32)
    assert isinstance(runner, runtime.TorchRunner)
    assert runner.path == path
    expected = runtime.TorchRunner(model, threads=1).predict(batch)
    assert np.array_equal(runner.predict(batch), expected)


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"no\.onnx: expected a model file, found none"):
        runtime.load(tmp_path / "no.onnx")
    (tmp_path / "net.pt").write_bytes(b"")
    with pytest.raises(InputError, match=r"expected an \.onnx model or a .*got '\.pt'"):
        runtime.load(tmp_path / "net.pt")


def test_a_checkpoint_without_torch_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "net.safetensors").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "sparseprune.models", None)
    monkeypatch.delattr("sparseprune.models", raising=False)
    with pytest.raises(InputError, match=r"needs torch .*install sparseprune\[train\]"):
        runtime.load(tmp_path / "net.safetensors")
