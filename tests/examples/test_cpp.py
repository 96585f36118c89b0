"""examples/cpp: built with CMake, and run against the ONNX Runtime library of the Python package.

The official headers are in no package. Where ORT_INCLUDE_DIR names them the example is built with
them too; `stand_in` declares the little it uses of them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from sparseprune import onnxruntime

ROOT = Path(__file__).parents[2]
CMAKE = shutil.which("cmake", path=Path(sys.executable).parent) or shutil.which("cmake")
HEADERS = {"stand_in": [Path(__file__).with_name("stand_in"), ROOT / "csrc"]}
if "ORT_INCLUDE_DIR" in os.environ:
    HEADERS["official"] = [Path(os.environ["ORT_INCLUDE_DIR"])]

pytestmark = pytest.mark.skipif(CMAKE is None, reason="cmake is not installed")


@pytest.fixture(scope="module", params=HEADERS)
def compare(request, tmp_path_factory):
    """Builds the example; gives a function that runs it."""
    folder = tmp_path_factory.mktemp("cpp")
    package = Path(ort.__file__).parent / "capi"
    (library,) = package.glob("libonnxruntime.so.*")
    # The name that programs linked with it ask for.
    (folder / "libonnxruntime.so.1").symlink_to(library)
    shared = "libonnxruntime_providers_shared.so"  # 1.23 looks for it there
    (folder / shared).symlink_to(package / shared)
    include = ";".join(map(str, HEADERS[request.param]))
    where = [f"-DORT_INCLUDE_DIR={include}", f"-DORT_LIBRARY={folder}/libonnxruntime.so.1"]
    for step in (["-S", ROOT / "examples/cpp", "-B", folder, *where], ["--build", folder]):
        done = subprocess.run([CMAKE, *step], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stderr, done.stderr

    def run(*arguments, library=None):
        library = library or onnxruntime.library_path()
        command = [folder / "compare", library, *arguments, *(["--runs", "3"] if arguments else [])]
        return subprocess.run(command, capture_output=True, text=True)

    return run


@pytest.fixture(scope="module")
def model(load, tmp_path_factory):
    """Two pruned layers, any batch size."""
    networks = load(ROOT / "tests" / "ort" / "networks.py")
    net, rng = networks.Network(), np.random.default_rng(0)
    x = net.add("Conv", net.input("x", ["N", 3, 12, 12]), networks.sparse(rng, (8, 3, 3, 3), 0.8))
    x = net.add("Relu", net.add("Conv", x, networks.sparse(rng, (8, 8, 3, 3), 0.8)))
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    path.write_bytes(net.serialize(x))
    return path


def test_it_runs_the_model_sparse_and_dense(compare, model, tmp_path):
    explained = tmp_path / "explained"
    done = compare(model, "--set", "min_sparsity=0.5", "--set", f"explain={explained}")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"dense +[\d.]+ ms", lines[0])
    assert re.fullmatch(r"sparse +[\d.]+ ms, [\d.]+ times as fast", lines[1])
    difference = re.fullmatch(r"largest difference (\S+) of the largest output", lines[2])[1]
    assert float(difference) < 1e-5
    rows = [json.loads(line) for line in explained.read_text().splitlines()]
    nodes = {row["op"]: row["region"] for row in rows if row["event"] == "node"}
    assert nodes == {"Conv": 0, "Relu": 0}


@pytest.mark.slow
def test_it_fails_where_the_answers_differ(compare, model, faulty_library):
    done = compare(model, "--set", "min_sparsity=0.5", library=faulty_library)
    assert done.returncode == 1
    assert "largest difference" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "usage: compare LIBRARY MODEL"),
        (("missing.onnx",), "missing.onnx"),
        (("{model}", "--threads", "none"), "expected a number from 1, got 'none'"),
        (("{model}", "--set", "min_sparsity=2"), "must be a number from 0 to 1, got '2'"),
    ],
)
def test_errors_are_said(compare, model, arguments, said):
    done = compare(*(argument.format(model=model) for argument in arguments))
    assert done.returncode == 1
    assert said in done.stderr


def test_a_library_that_is_missing(compare, model):
    done = compare(model, library="/nowhere.so")
    assert done.returncode == 1
    assert "/nowhere.so" in done.stderr
