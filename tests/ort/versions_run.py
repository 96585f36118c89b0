"""Run by test_versions.py under some ONNX Runtime: ``versions_run.py FOLDER`` prints JSON.

FOLDER holds x.npy and the files named below; one answer of each comes out, or what was refused.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort

from sparseprune import onnxruntime

FOLDER = Path(sys.argv[1])
FEEDS = {"x": np.load(FOLDER / "x.npy")}


def ours(name):
    """By the road that sparseprune takes here."""
    path, rows = FOLDER / f"{name}.onnx", explanation(name)
    return onnxruntime.session(
        path, provider="sparseprune", threads=1, min_sparsity=0.5, explain=rows
    )


def explanation(name):
    return FOLDER / f"{name}-{ort.__version__}.jsonl"


def by_operators(name):
    """Whatever the road is here: an application may register the operators itself."""
    options = onnxruntime.quiet_options()
    options.register_custom_ops_library(str(onnxruntime.library_path()))
    return alone(name, options)


def alone(name, options=None):
    """As far as these options go, without anything of ours."""
    options = onnxruntime.quiet_options() if options is None else options
    path = str(FOLDER / f"{name}.onnx")
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def answer(open_session, name):
    try:
        return open_session(name).run(None, FEEDS)[0].tolist()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def claimed(name):
    """The operators of the file that our provider runs; none where there are no providers."""
    path = explanation(name)
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [row["op"] for row in rows if row["event"] == "node" and row["region"] is not None]


print(
    json.dumps(
        {
            "version": ort.__version__,
            "plain": answer(ours, "plain"),
            "compact": answer(ours, "compact"),
            "claimed": {name: claimed(name) for name in ("plain", "compact")},
            "operators": answer(by_operators, "operators"),
            "fallback": answer(alone, "compact"),
            "refused": answer(by_operators, "refused"),
        }
    )
)
