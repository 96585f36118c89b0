import subprocess
import sys
import time

import pytest

HELP = ["-m", "sparseprune", "--help"]


@pytest.mark.parametrize("arguments", [["-c", "import sparseprune"], HELP], ids=["import", "help"])
def test_starting_is_quick(arguments):
    """Under 0.3 s; the best of several, since the machine may be busy with something else."""
    best = min(_seconds(arguments) for _ in range(8))
    assert best < 0.3


def _seconds(arguments):
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start
