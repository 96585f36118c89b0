"""The engine under the sanitizers, without Python in between."""

import os

import pytest

from sparseprune import _cpu

# Without optimisation: the sanitized AVX-512 kernels alone take 30 s to compile at -O1, 4 s here.
FLAGS = ["-O0", "-pthread", "-fno-sanitize-recover=all"]
COMPILER = os.environ.get("CXX", "g++")


@pytest.fixture(scope="module")
def programs(tmp_path_factory, check_builds):
    """For addresses and undefined behaviour."""
    flags = [*FLAGS, "-fsanitize=address,undefined"]
    folder = tmp_path_factory.mktemp("sanitized")
    compiler = check_builds.find(COMPILER)
    checks = ("kernels", "moves", "graphs", "memory")
    return check_builds.build_checks(compiler, flags, checks, folder)


@pytest.mark.slow
def test_every_kernel(programs, check_builds):
    printed = check_builds.run([programs["kernels"]])
    counts = dict(line.split()[:2] for line in printed.splitlines())
    assert list(counts) == _cpu.available_isas()
    assert all(int(count) > 60 for count in counts.values()), counts


@pytest.mark.slow
def test_every_move_and_pooling(programs, check_builds):
    printed = check_builds.run([programs["moves"], "100"])
    assert printed == "".join(f"{isa} 100 layouts\n" for isa in _cpu.available_isas())


@pytest.mark.slow
def test_random_graphs(programs, check_builds, graphs, tmp_path):
    graphs.write(tmp_path / "cases", count=100, samples=2)
    assert check_builds.run([programs["graphs"], tmp_path / "cases"]) == "100 networks\n"


@pytest.mark.slow
def test_plans_leave_no_memory_behind(programs, check_builds):
    check_builds.run([programs["memory"]])


@pytest.mark.slow
def test_threads_do_not_race(tmp_path, check_builds, graphs):
    """The thread sanitizer, on runs at the same time and beside tuning, and on dropped plans."""
    flags = [*FLAGS, "-fsanitize=thread"]
    compiler = check_builds.find(COMPILER)
    built = check_builds.build_checks(compiler, flags, ("graphs",), tmp_path)
    graphs.write(tmp_path / "cases", count=6, samples=10)
    assert check_builds.run([built["graphs"], tmp_path / "cases", "0.02"]) == "6 networks\n"
