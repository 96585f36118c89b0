"""Every allocation of the library fails once: an error to catch each time, and no harm after it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.skipif(sys.platform != "linux", reason="preloads a library")
def test_every_allocation_may_fail(run_script, tmp_path):
    compiler = os.environ.get("CC", "cc").split()
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"needs {compiler[0]}")
    library = tmp_path / "failing_malloc.so"
    command = [*compiler, "-O1", "-shared", "-fPIC", HERE / "failing_malloc.c", "-o", library]
    subprocess.run(command, check=True)
    printed = run_script(HERE / "out_of_memory.py", library, LD_PRELOAD=str(library))
    counts = json.loads(printed)
    assert len(counts) == 8
    assert min(counts.values()) > 20, counts
