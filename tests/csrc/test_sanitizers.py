"""The engine under the address and undefined-behaviour sanitizers, without Python in between."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sparseprune import _cpu

SOURCES = Path(__file__).parents[2] / "csrc"
# Without optimisation: the sanitized AVX-512 kernels alone take 30 s to compile at -O1, 4 s here.
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
FLAGS = ["-std=c++17", "-O0", "-pthread", *SANITIZERS]


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """A folder with kernels_check and memory_check."""
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None or not SOURCES.is_dir():
        pytest.skip("needs a C++ compiler and the sources")
    folder = tmp_path_factory.mktemp("sanitized")
    checks = [Path(__file__).with_name(f"{name}_check.cpp") for name in ("kernels", "memory")]
    files = [*checks, *SOURCES.glob("engine/*.cpp"), *SOURCES.glob("kernels/*.cpp")]

    def build(source):
        made = folder / (source.stem + ".o")
        subprocess.run([compiler, *FLAGS, "-I", SOURCES, "-c", source, "-o", made], check=True)
        return made

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(build, sorted(files, key=lambda f: -f.stat().st_size)))
    mains = [folder / f"{check.stem}.o" for check in checks]
    for main in mains:
        linked = [main, *(o for o in objects if o not in mains)]
        subprocess.run([compiler, *FLAGS, *linked, "-o", main.with_suffix("")], check=True)
    return folder


@pytest.mark.slow
def test_every_kernel_and_random_graphs(programs):
    done = subprocess.run([programs / "kernels_check", "200"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    counts = dict(line.split()[:2] for line in done.stdout.splitlines())
    assert list(counts) == _cpu.available_isas()
    assert all(int(count) > 60 for count in counts.values()), counts


@pytest.mark.slow
def test_plans_leave_no_memory_behind(programs):
    done = subprocess.run([programs / "memory_check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
