"""Networks made by others: those that packages hold, and those of ONNX's backend tests."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sparseprune import onnxruntime

HERE = Path(__file__).parent
PINNED = HERE / "packages.txt"


@pytest.fixture(scope="session")
def real(load):
    return load(HERE / "networks.py")


@pytest.fixture(scope="session")
def packaged():
    """Folder of the packages' ONNX files, downloaded once into build/ (about 100 MB)."""
    version = hashlib.sha256(PINNED.read_bytes()).hexdigest()[:16]
    folder = HERE.parents[1] / "build" / "real" / version
    if not (folder / "whole").exists():
        download(folder)
        (folder / "whole").touch()
    return folder


def download(folder):
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    pinned = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", PINNED]
    environment = {k: v for k, v in os.environ.items() if k != "PIP_CONSTRAINT"}
    done = subprocess.run(
        [*pip, *pinned, "--dest", folder], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"the packages cannot be downloaded: {done.stderr.strip()[-300:]}")
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.endswith(".onnx")]
            archive.extractall(folder, names)
        wheel.unlink()


@pytest.fixture(scope="session")
def draw():
    """Standard normal inputs for a session; the shapes of open inputs are given."""

    def make(session, shapes, seed=0):
        rng = np.random.default_rng(seed)
        return {
            i.name: rng.standard_normal(shapes.get(i.name, i.shape)).astype(np.float32)
            for i in session.get_inputs()
        }

    return make


@pytest.fixture(scope="session")
def run():
    """Outputs of a model on one thread."""

    def outputs(model, feeds, **arguments):
        session = onnxruntime.session(model, threads=1, **arguments)
        return session.run(None, feeds)

    return outputs


@pytest.fixture(scope="session")
def assert_answers(real, draw, run):
    """A file answers, but for rounding, as the pruned model it was made of with the CPU provider.

    Without a file, the model itself does with our provider. Gives how many nodes we claimed.
    """

    def check(model, shapes, *, file=None, provider="sparseprune", min_sparsity=None):
        pruned = model.SerializeToString()
        cpu = onnxruntime.session(pruned, threads=1, provider="cpu")
        feeds = draw(cpu, shapes)
        expected = cpu.run(None, feeds)
        session = onnxruntime.session(
            file or pruned, threads=1, provider=provider, min_sparsity=min_sparsity
        )
        rng = np.random.default_rng(1)
        moved = run(real.jolted(model, rng).SerializeToString(), feeds, provider="cpu")
        for value, exact, jolted in zip(session.run(None, feeds), expected, moved, strict=True):
            bound = np.abs(jolted - exact).max()
            # It must tell rounding from a wrong layer: that moves outputs by as much as they vary.
            assert 0 < bound < 1e-2 * exact.std()
            assert np.abs(value - exact).max() <= bound
        return (onnxruntime.assignment(session) or (None,))[0]

    return check
