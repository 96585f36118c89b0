import os
import subprocess
import sys

import pytest

HELP = ["-m", "sparseprune", "--help"]


@pytest.mark.parametrize("arguments", [["-c", "import sparseprune"], HELP], ids=["import", "help"])
def test_starting_is_quick(arguments):
    """Under 0.3 s; the best of several, since the machine may be busy with something else."""
    best = min(_seconds(arguments) for _ in range(8))
    assert best < 0.3


def _seconds(arguments):
    """Processor time: what the start costs, whatever else the machine is doing."""
    before = os.times()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = os.times()
    spent = (
        after.children_user - before.children_user,
        after.children_system - before.children_system,
    )
    return sum(spent)
