"""The engine on arm64: cross-built, its kernels and whole networks run under emulation."""

import re
import subprocess

import pytest

COMPILER = "aarch64-linux-gnu-g++"
FLAGS = ["-O2", "-fPIC", "-pthread"]
EMULATOR = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("arm64")


@pytest.fixture(scope="module")
def programs(folder, check_builds):
    check_builds.find(EMULATOR[0])
    compiler = check_builds.find(COMPILER)
    return check_builds.build_checks(compiler, FLAGS, ("kernels", "graphs"), folder)


def test_every_kernel(programs, check_builds):
    name, count, _ = check_builds.run([*EMULATOR, programs["kernels"]]).split()
    assert name == "baseline"
    assert int(count) > 60


def test_random_graphs(programs, check_builds, graphs, tmp_path):
    graphs.write(tmp_path / "cases", count=60, samples=2)
    printed = check_builds.run([*EMULATOR, programs["graphs"], tmp_path / "cases"])
    assert printed == "60 networks\n"


def test_generic_vectors_become_neon(programs, folder):
    """Each convolution kernel multiplies vectors by an element of another, and no lone floats."""
    command = ["aarch64-linux-gnu-objdump", "-d", "-C", "--no-show-raw-insn"]
    listing = subprocess.run(
        [*command, folder / "kernels_kernels_baseline.o"],
        capture_output=True,
        text=True,
        check=True,
    )
    kernels = re.split(r"\n(?=[0-9a-f]+ <)", listing.stdout)
    convs = [text for text in kernels if re.match(r"[0-9a-f]+ <void .*::Conv<", text)]
    assert len(convs) > 60
    for text in convs:
        assert re.search(r"fmla\tv\d+\.4s, v\d+\.4s, v\d+\.s\[\d\]", text)
        assert not re.search(r"\tf(madd|mul|add)\ts", text)


def test_the_provider_links(programs, folder, check_builds):
    flags = ["-O0", "-fPIC", "-pthread"]
    engine = [*folder.glob("engine_*.o"), *folder.glob("kernels_*.o")]
    compiler = check_builds.find(COMPILER)
    provider = check_builds.compile_rooms(compiler, flags, ("ort",), folder)
    script = f"-Wl,--version-script={check_builds.SOURCES / 'ort' / 'exports.lds'}"
    command = [*compiler, "-shared", "-Wl,--no-undefined", script, *provider, *engine, "-ldl"]
    subprocess.run([*command, "-o", folder / "provider.so"], check=True)
