"""`make wheel`: what it builds is installed and run where only ONNX Runtime is."""

import json
import os
import platform
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

import sparseprune
from sparseprune import _cpu

ROOT = Path(__file__).parents[1]
INPUTS = ("csrc", "kernels", "sparseprune", "wheels", "setup.py", "pyproject.toml", "MANIFEST.in")
# Every Linux for which wheels are made has these (PEP 600), and an old glibc has all of them.
GLIBC = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2"}
GLIBC |= {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel():
    """Built again if anything in it is newer."""
    for tool in ("auditwheel", "ziglang", "setuptools", "pybind11"):
        pytest.importorskip(tool)
    folder = ROOT / "build" / "wheel"
    roots = [ROOT / name for name in INPUTS]
    files = [path for root in roots for path in (root, *root.rglob("*")) if path.is_file()]
    newest = max(path.stat().st_mtime for path in files if path.suffix not in (".so", ".pyc"))
    for old in folder.glob("*.whl"):
        if old.stat().st_mtime < newest:
            old.unlink()
    if not any(folder.glob("*.whl")):
        subprocess.run([sys.executable, ROOT / "wheels" / "build.py", folder], check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def libraries(wheel, tmp_path_factory):
    """(the Python module, the ONNX Runtime library), unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(wheel) as archive:
        found = {Path(n).name: archive.extract(n, folder) for n in archive.namelist() if ".so" in n}
    module = next(name for name in found if name.startswith("_cpu."))
    assert set(found) == {module, "libsparseprune_ort.so"}
    return Path(found[module]), Path(found["libsparseprune_ort.so"])


def dynamic(library):
    """(symbols it offers, symbols it needs, libraries it needs)."""
    elffile = pytest.importorskip("elftools.elf.elffile")
    with library.open("rb") as file:
        elf = elffile.ELFFile(file)
        symbols = list(elf.get_section_by_name(".dynsym").iter_symbols())[1:]
        tags = list(elf.get_section_by_name(".dynamic").iter_tags())
        needed = {tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"}
        paths = [tag for tag in tags if tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH")]
        assert not paths, "it would look for libraries where it was built"
        groups = elf.get_section_by_name(".gnu.version_r").iter_versions()
        versions = {version.name for _, group in groups for version in group}
    offered = {s.name for s in symbols if s.entry.st_shndx != "SHN_UNDEF"}
    return offered, {s.name for s in symbols} - offered, needed, versions


def compilers(library):
    elffile = pytest.importorskip("elftools.elf.elffile")
    with library.open("rb") as file:
        comments = elffile.ELFFile(file).get_section_by_name(".comment").data()
    return set(comments.strip(b"\0").split(b"\0"))


def test_its_name_says_where_it_runs(wheel):
    python = f"cp3{sys.version_info.minor}"
    system = f"manylinux_2_28_{platform.machine()}"
    assert wheel.name == f"sparseprune-{sparseprune.__version__}-{python}-{python}-{system}.whl"


def test_an_old_glibc_is_enough(libraries):
    for library in libraries:
        *_, needed, versions = dynamic(library)
        assert needed <= GLIBC
        assert versions
        for version in versions:
            number = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(\.\d+)?", version)
            assert number, version
            assert (int(number[1]), int(number[2])) <= (2, 28)


def test_exactly_the_entry_points_are_visible(libraries):
    for library, room in zip(libraries, ("python", "ort"), strict=True):
        script = (ROOT / "csrc" / room / "exports.lds").read_text()
        assert dynamic(library)[0] == set(re.findall(r"\b(\w+);", script.split("local:")[0]))


def test_nothing_is_left_behind_when_the_library_is_unloaded(libraries):
    """Zig's C++ library must not bring in what ours avoids: threads, and keys with destructors."""
    imported = dynamic(libraries[1])[1]
    assert not {"pthread_create", "pthread_key_create", "__cxa_thread_atexit_impl"} & imported


def test_the_kernels_are_those_of_a_source_build(libraries):
    """Nothing else in them was made by that compiler; Clang's kernels are slower."""
    for library in libraries:
        assert compilers(Path(_cpu.__file__)) & compilers(library)


def test_the_files_in_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    metadata = f"sparseprune-{sparseprune.__version__}.dist-info"
    assert {"sparseprune/py.typed", f"{metadata}/licenses/LICENSE"} <= set(names)
    assert {name.split("/")[0] for name in names} == {"sparseprune", metadata}
    sources = {f"sparseprune/{path.relative_to(ROOT)}" for path in ROOT.glob("kernels/*.py")}
    sources |= {str(path.relative_to(ROOT)) for path in ROOT.glob("sparseprune/**/*.py")}
    assert len(sources) > 100
    assert sources <= set(names)


def test_every_supported_node_answers_right(libraries):
    """Compiled against another C++ library than the source build that the other tests run."""
    tests = ROOT / "tests" / "ort" / "test_supported.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests],
        env={**os.environ, "SPARSEPRUNE_ORT_LIBRARY": str(libraries[1])},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory):
    """Python of an environment with the wheel and ONNX Runtime, and what they ask for."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    wanted = ["-c", ROOT / "constraints.txt", wheel, f"onnxruntime=={ort.__version__}"]
    subprocess.run([*pip, "install", "--quiet", *wanted], env=clean(), check=True)
    return python


def clean():
    """The environment without what could lead to this tree or its library."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "SPARSEPRUNE_"))}


def test_a_pruned_file_runs_sparse_with_onnxruntime_alone(bare, tmp_path):
    rng = np.random.default_rng(3)
    weight = np.where(rng.random((8, 3, 3, 3)) < 0.8, 0, rng.standard_normal((8, 3, 3, 3)))
    (tmp_path / "model.onnx").write_bytes(network(weight.astype(np.float32)))
    np.save(tmp_path / "x.npy", rng.standard_normal((2, 3, 8, 8)).astype(np.float32))
    done = subprocess.run(
        [bare, Path(__file__).with_name("wheel_run.py"), tmp_path],
        cwd=tmp_path,
        env={**clean(), "SPARSEPRUNE_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    dense = ort.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (exact,) = dense.run(None, {"x": np.load(tmp_path / "x.npy")})
    np.testing.assert_allclose(found.pop("answer"), exact, rtol=1e-4, atol=1e-5)
    claimed = found.pop("claimed")
    assert claimed is None or claimed[0] == claimed[1] == 2  # None before ONNX Runtime 1.27
    assert Path(found.pop("package")).is_relative_to(bare.parents[1])
    assert found == {
        "isas": _cpu.available_isas(),
        "version": sparseprune.__version__,
        "strangers": [],
        "typed": True,
    }


def network(weight):
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["map"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["map"], ["y"], "relu"),
    ]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", channels, 8, 8])
        for name, channels in (("x", 3), ("y", 8))
    ]
    stored = [numpy_helper.from_array(weight, "w")]
    graph = helper.make_graph(nodes, "network", values[:1], values[1:], stored)
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()
