"""How the fuzzers are run in tests: briefly, and from a fixed seed.

A change is then blamed for what it broke, not for what nobody had tried. `make fuzz` runs them for
long, from a fresh seed.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def seed():
    """SPARSEPRUNE_FUZZ_SEED sets another one."""
    return int(os.environ.get("SPARSEPRUNE_FUZZ_SEED", "1"))


@pytest.fixture
def fuzz():
    """Runs tests/fuzz/fuzz.py; what it finds fails the test, with the case's seed and file."""

    def run(*arguments, fails=False, **environment):
        command = [sys.executable, HERE / "fuzz.py", *map(str, arguments)]
        environment = {**os.environ, **environment}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
        print(done.stdout, done.stderr)  # pytest shows it where the test fails
        assert done.returncode == int(fails)
        return done.stdout

    return run


@pytest.fixture(scope="session")
def parsers(tmp_path_factory, load):
    """The program of parsers_check.cpp, with sanitizers."""
    return load(HERE / "builds.py").parsers(tmp_path_factory.mktemp("parsers"))
