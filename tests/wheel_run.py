"""Run by test_wheel.py where only the wheel and ONNX Runtime are: ``wheel_run.py FOLDER``.

Runs FOLDER/model.onnx on FOLDER/x.npy and prints JSON.
"""

import json
import sys
from importlib import resources, util
from pathlib import Path

import numpy as np

import sparseprune
from sparseprune import _cpu, onnxruntime

folder = Path(sys.argv[1])
session = onnxruntime.session(
    folder / "model.onnx", provider="sparseprune", threads=1, min_sparsity=0.5
)
package = resources.files("sparseprune")
print(
    json.dumps(
        {
            "answer": session.run(None, {"x": np.load(folder / "x.npy")})[0].tolist(),
            "claimed": onnxruntime.assignment(session),
            "isas": _cpu.available_isas(),
            "version": sparseprune.__version__,
            "package": str(package),
            "strangers": [name for name in ("torch", "onnx") if util.find_spec(name)],
            "typed": (package / "py.typed").is_file(),
        }
    )
)
