"""The shared library itself: what it shows, what it needs, and a spoiled build of it."""

import ctypes
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


UNLOAD = """
    import sys
    from _ctypes import dlclose, dlopen
    from pathlib import Path

    def mapped():
        return int(Path("/proc/self/statm").read_text().split()[0]) * 4096

    def load_and_unload(times):
        for _ in range(times):
            dlclose(dlopen(sys.argv[1], 2))  # a CDLL would leave classes behind

    load_and_unload(20)
    assert Path(sys.argv[1]).name not in Path("/proc/self/maps").read_text()
    before = mapped()
    load_and_unload(100)
    print(mapped() - before)
"""


def test_memory_is_given_back_when_the_library_is_unloaded():
    """A session with custom operators loads and unloads it; it would lose 73 kB each time."""
    command = [sys.executable, "-c", textwrap.dedent(UNLOAD), str(onnxruntime.library_path())]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    assert int(done.stdout) < 100 * 10_000


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.16.3", b"custom operators need ONNX Runtime 1.17 or a later 1.x, got 1.16.3"),
        ("2.1.0", b"custom operators need ONNX Runtime 1.17 or a later 1.x, got 2.1.0"),
        ("unknown", b"custom operators need ONNX Runtime 1.17 or a later 1.x, got unknown"),
    ],
)
def test_an_onnxruntime_that_is_too_old_is_told_so(version, message):
    """A host that offers no more than version 1 of its functions, and of these only the first."""
    asked, told = [], []

    @ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)
    def create_status(code, text):
        told.append((code, text))
        return 1234

    table = (ctypes.c_void_p * 1)(ctypes.cast(create_status, ctypes.c_void_p))

    @ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint32)
    def get_api(number):
        asked.append(number)
        return ctypes.addressof(table)

    text_of_version = ctypes.create_string_buffer(version.encode())

    @ctypes.CFUNCTYPE(ctypes.c_void_p)
    def get_version():
        return ctypes.addressof(text_of_version)

    casts = [ctypes.cast(function, ctypes.c_void_p) for function in (get_api, get_version)]
    base = (ctypes.c_void_p * 2)(*casts)
    register = ctypes.CDLL(str(onnxruntime.library_path())).RegisterCustomOps
    register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_void_p]
    assert register(None, ctypes.addressof(base)) == 1234
    ((code, text),) = told
    assert code == 9  # not implemented
    assert message in text
    assert asked == [16 if version == "1.16.3" else 1]


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
