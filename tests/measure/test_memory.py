import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sparseprune.errors import InputError
from sparseprune.measure import memory
from sparseprune.measure.memory import _CHILD


def test_a_larger_file_costs_more_memory(linear_model, tmp_path):
    weights = np.random.default_rng(0).normal(size=(4, 4_000_000)).astype(np.float32)
    model = onnx.load(linear_model)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "W"))
    model.graph.output[0].CopyFrom(
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 4_000_000])
    )
    onnx.save(model, tmp_path / "large.onnx")
    small = memory(linear_model, (1, 1, 2, 2), provider="cpu")
    large = memory(tmp_path / "large.onnx", (1, 1, 2, 2), provider="cpu")
    assert small.load_ms > 0
    if small.memory_bytes is None or large.memory_bytes is None:
        pytest.skip("this system does not tell the resident set of a process")
    # 64 MB of weights must be resident at least once; the small file's cost is the session's.
    assert large.memory_bytes - small.memory_bytes > 0.8 * weights.nbytes


def test_the_process_loads_neither_torch_nor_onnx(linear_model):
    code = (
        f"import sys; sys.argv = ['child', '.', '']; sys.path.insert(0, {str(_CHILD.parent)!r}); "
        "import child; child.weigh({'path': "
        f"{str(linear_model)!r}, 'shapes': {{'': [1, 1, 2, 2]}}, 'threads': 1, "
        "'provider': 'cpu'}); "
        "print(sorted({'torch', 'onnx', 'pydantic', 'scipy'} & set(sys.modules)))"
    )
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert child.stdout.strip() == "[]", child.stderr


def test_a_file_that_does_not_run_is_named_with_its_error(linear_model):
    linear_model.write_bytes(b"not a model")
    with pytest.raises(InputError, match=r"linear\.onnx: a fresh process could not run it: .*E"):
        memory(linear_model, (1, 1, 2, 2))


def test_a_process_that_hangs_is_given_up(linear_model, monkeypatch):
    def hang(*_, timeout, **__):
        raise subprocess.TimeoutExpired("child", timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(InputError, match="expected to load within 120 s"):
        memory(linear_model, (1, 1, 2, 2))
