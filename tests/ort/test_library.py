"""The shared library itself: what it shows, what it needs, and a spoiled build of it."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from sparseprune import onnxruntime


def symbols(*arguments):
    listing = subprocess.run(
        ["nm", "-D", *arguments, onnxruntime.library_path()],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [line.split()[-1] for line in listing.splitlines()]


needs_nm = pytest.mark.skipif(not shutil.which("nm"), reason="nm is not installed")


@needs_nm
def test_exactly_the_entry_points_are_exported():
    expected = ["CreateEpFactories", "RegisterCustomOps", "ReleaseEpFactory"]
    assert sorted(symbols("--defined-only")) == expected


@needs_nm
def test_nothing_of_the_cpp_library_or_of_onnxruntime_is_imported():
    imported = " ".join(symbols("--undefined-only"))
    assert not re.search(r"GLIBCXX|CXXABI|Ort", imported), imported


def test_nothing_is_left_behind_when_the_library_is_unloaded():
    """ONNX Runtime unloads it while the process goes on: no threads, no exit handlers."""
    csrc = Path(__file__).parents[2] / "csrc"
    sources = [p for room in ("engine", "kernels", "ort") for p in (csrc / room).iterdir()]
    assert len(sources) > 20
    for source in sources:
        code = re.sub(r"//.*", "", source.read_text())
        found = re.search(
            r"\b(thread_local|atexit|pthread_create|std::j?thread\b(?!::)|std::async)", code
        )
        assert found is None, (source.name, found)


RUN = """
    import json, sys
    import numpy as np
    from sparseprune import onnxruntime

    session = onnxruntime.session(sys.argv[1], provider="sparseprune", threads=1)
    print(json.dumps(session.run(None, {"x": np.ones((1, 3, 12, 12), np.float32)})[0].tolist()))
"""


@pytest.mark.slow
def test_a_spoiled_library_changes_the_answers(faulty_library, networks, tmp_path):
    net, rng = networks.Network(), np.random.default_rng(0)
    x = net.add("Conv", net.input("x", ["N", 3, 12, 12]), networks.sparse(rng, (8, 3, 3, 3), 0.7))
    x = net.add("GlobalAveragePool", net.add("Relu", x))
    w = networks.sparse(rng, (10, 8), 0.6)
    path = tmp_path / "model.onnx"
    path.write_bytes(net.serialize(net.add("Gemm", net.add("Flatten", x), w, transB=1)))

    def run(**environment):
        command = [sys.executable, "-c", textwrap.dedent(RUN), str(path)]
        environment = {**os.environ, **environment}
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
        return np.array(json.loads(done.stdout))

    exact = onnxruntime.session(path, provider="cpu").run(
        None, {"x": np.ones((1, 3, 12, 12), np.float32)}
    )[0]
    np.testing.assert_allclose(run(), exact, rtol=1e-4, atol=1e-5)
    assert np.abs(run(SPARSEPRUNE_ORT_LIBRARY=str(faulty_library)) - exact).max() > 0.01
