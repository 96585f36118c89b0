"""The instruction sets: which there are, which is chosen, and that none leaks into the others."""

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sparseprune import _cpu

LANES = {"avx512": 16, "avx2": 8, "baseline": 4}
FLAGS = {
    "avx512": {"avx512f", "avx512vl", "avx512dq", "avx512bw", "avx2", "fma"},
    "avx2": {"avx2", "fma"},
    "baseline": set(),
}
CPU_INFO = Path("/proc/cpuinfo")


def test_lanes(isa):
    assert _cpu.lanes(isa) == LANES[isa]


def test_best_comes_first(monkeypatch):
    monkeypatch.delenv("SPARSEPRUNE_ISA", raising=False)
    found = _cpu.available_isas()
    assert found == [name for name in LANES if name in found]
    assert found[-1] == "baseline"
    assert _cpu.resolve_isa() == found[0]


@pytest.mark.skipif(
    platform.machine() != "x86_64" or not CPU_INFO.exists(), reason="needs x86-64 Linux"
)
def test_all_that_the_system_lists_are_found():
    """Linux lists what it enables; to miss one would be slow, and would answer right."""
    has = set(re.search(r"^flags\s*:(.*)", CPU_INFO.read_text(), re.MULTILINE)[1].split())
    assert _cpu.available_isas() == [name for name, needed in FLAGS.items() if needed <= has]


@pytest.mark.parametrize("name", _cpu.available_isas())
def test_environment_overrides(name):
    code = "from sparseprune import _cpu; print(_cpu.resolve_isa(), _cpu.lanes())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"SPARSEPRUNE_ISA": name, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [name, str(LANES[name])]


def test_an_argument_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("SPARSEPRUNE_ISA", "sse9")
    assert _cpu.resolve_isa("baseline") == "baseline"


@pytest.mark.parametrize("name", ["sse9", "AVX2", "avx512 "])
def test_unknown_names_are_refused(name, monkeypatch):
    message = f"'{name}' is unknown or not available on this CPU; choose one of: .*baseline"
    with pytest.raises(ValueError, match=message):
        _cpu.resolve_isa(name)
    monkeypatch.setenv("SPARSEPRUNE_ISA", name)
    with pytest.raises(ValueError, match=message):
        _cpu.resolve_isa()


@pytest.mark.skipif(
    shutil.which("objdump") is None or sys.platform != "linux", reason="needs GNU binutils"
)
def test_wide_instructions_stay_in_their_namespace():
    """Inline functions shared with baseline code must not be compiled for a newer CPU."""
    command = ["objdump", "-d", "-C", "--no-show-raw-insn", _cpu.__file__]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    users = {"zmm": set(), "ymm": set()}
    name = ""
    for line in listing.splitlines():
        if line.endswith(">:"):
            name = line
        for register, functions in users.items():
            if "%" + register in line:
                functions.add(name)
    if "avx512" in _cpu.available_isas():
        assert len(users["zmm"]) > 50
    assert all("sparseprune::avx512::" in name for name in users["zmm"])
    assert all(re.search("sparseprune::avx(512|2)::", name) for name in users["ymm"])
