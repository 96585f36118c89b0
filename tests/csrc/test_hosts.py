"""Tasks run once each whoever runs them, and declared sizes never overflow."""

import os
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "csrc"
FLAGS = ["-std=c++17", "-O0", "-pthread", "-fsanitize=undefined", "-fno-sanitize-recover=all"]


def test_refused_threads_and_declared_sizes(tmp_path, check_builds):
    compiler = check_builds.find(os.environ.get("CXX", "g++"))
    files = [Path(__file__).with_name("hosts_check.cpp"), SOURCES / "ort" / "extents.cpp"]
    program = tmp_path / "check"
    command = [*compiler, *FLAGS, "-I", SOURCES, *files, "-ldl", "-o", program]
    subprocess.run(command, check=True)
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
