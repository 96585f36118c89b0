"""Actions of the cluster's tests, where the workers of a cluster can import them."""

import os
import time
from pathlib import Path


def slow(folder, name, progress):
    """Says that it began and, a while later, that it ended."""
    with Path(folder, "begun").open("a") as stream:
        stream.write(f"{name} {os.getpid()}\n")
    progress(0.5, "half")
    time.sleep(1.0)
    with Path(folder, "ended").open("a") as stream:
        stream.write(f"{name}\n")
    Path(folder, name).write_text("whole")


def fail(error, progress):
    raise error
