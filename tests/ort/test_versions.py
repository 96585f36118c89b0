"""The library as it was built, unchanged, on old and new versions of ONNX Runtime."""

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
# The oldest with custom operators that use the session's threads, the last without providers that
# share a network, the first with them, one that records who runs a node, the one installed here.
# Of the Pythons (3.x) from which to which there are wheels; and NumPy 1 for what was built with it.
VERSIONS = {
    "1.17.3": (10, 12, "numpy==1.26.4"),
    "1.23.0": (10, 13),
    "1.23.1": (10, 13),
    "1.27.0": (11, 14),
    ort.__version__: None,
}

pytestmark = pytest.mark.slow


def installed(version):
    """A folder with that version, kept between runs; None for the one of this environment."""
    if VERSIONS[version] is None:
        return None
    oldest, newest, *others = VERSIONS[version]
    if not oldest <= sys.version_info.minor <= newest:
        pytest.skip(f"onnxruntime {version} has no wheel for Python 3.{sys.version_info.minor}")
    folder = ROOT / "build" / "onnxruntime" / f"{version}-{sys.implementation.cache_tag}"
    if not folder.exists():
        partial = folder.with_name(f"{folder.name}.{os.getpid()}")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        # Sessions import nothing but NumPy of what it depends on.
        wanted = ["--no-deps", "--only-binary", ":all:", f"onnxruntime=={version}", *others]
        try:
            subprocess.run([*pip, "--target", partial, *wanted], check=True)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder


@pytest.fixture(scope="module")
def folder(files, networks, tmp_path_factory):
    """A network with a convolution and a linear layer, in every form."""
    rng = np.random.default_rng(11)

    def network(*, functions):
        twins = files.Twins(networks)
        weights = np.random.default_rng(12)
        conv = networks.sparse(weights, (8, 3, 3, 3), 0.7)
        x = twins.layer("BitmaskConv", twins.input(["N", 3, 9, 9]), conv, conv[:, 0, 0, 0])
        x = twins.add("Flatten", twins.add("GlobalAveragePool", twins.add("Relu", x)))
        linear = networks.sparse(weights, (10, 8), 0.6)
        x = twins.layer("SparseLinear", x, linear, linear[:, 0])
        return twins.serialize(x, functions=functions)

    folder = tmp_path_factory.mktemp("versions")
    compact, plain = network(functions=True)
    (folder / "compact.onnx").write_bytes(compact)
    (folder / "plain.onnx").write_bytes(plain)
    (folder / "operators.onnx").write_bytes(network(functions=False)[0])
    (folder / "refused.onnx").write_bytes(misfit(files))
    np.save(folder / "x.npy", rng.standard_normal((2, 3, 9, 9)).astype(np.float32))
    return folder


def misfit(files):
    """A compact layer with more values than steps."""
    tensors = [np.ones(4, np.float32), np.ones(3, np.uint8), np.zeros(1, np.float32)]
    attributes = {"weight_shape": [1, 3, 3, 3], **files.WINDOW}
    return files.bare("SparseConv", tensors, attributes, ["N", 3, 9, 9])


@pytest.fixture(scope="module")
def expected(folder, reference):
    feeds = {"x": np.load(folder / "x.npy")}
    ((value, bound),) = reference.evaluate((folder / "plain.onnx").read_bytes(), feeds).values()
    return value, bound * (1 + 1e-6)


@pytest.fixture(scope="module", params=VERSIONS)
def report(request, folder):
    """What versions_run.py found."""
    place = installed(request.param)
    roads = [str(ROOT), *sys.path] if place is None else [str(place), str(ROOT), *sys.path]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, roads)),
        "SPARSEPRUNE_ORT_LIBRARY": str(onnxruntime.library_path()),
    }
    command = [sys.executable, Path(__file__).with_name("versions_run.py"), folder]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["version"] == request.param
    return found


def has_providers(report):
    return tuple(map(int, report["version"].split("."))) >= (1, 23, 1)


def check(found, expected):
    value, bound = expected
    assert isinstance(found, list), found
    assert (np.abs(np.array(found) - value) <= bound).all()


def test_a_plain_file_runs_in_the_provider(report, expected):
    if has_providers(report):
        check(report["plain"], expected)
        assert "Conv" in report["claimed"]["plain"]
    else:
        expected = "InputError: onnxruntime .* runs only files of the compact form sparse"
        assert re.match(expected, report["plain"])


def test_a_compact_file_runs_sparse(report, expected):
    """In the provider, or, as it was demanded, by our custom operators."""
    check(report["compact"], expected)
    compact = {"BitmaskConv", "SparseLinear"} if has_providers(report) else set()
    assert compact <= set(report["claimed"]["compact"])


def test_the_custom_operators_run(report, expected):
    """This file has no functions, so nobody else could."""
    check(report["operators"], expected)


def test_a_compact_file_runs_without_the_library(report, expected):
    check(report["fallback"], expected)


def test_a_misfit_is_refused_by_name(report):
    assert "the layer" in report["refused"]
