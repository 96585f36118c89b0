"""The fresh process of ``memory``: load one file, run it once, print what it cost.

Run as a script, so that nothing but NumPy and ONNX Runtime is in memory before.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def resident_bytes() -> int | None:
    """The resident set of this process now, where the system tells.

    Not ``ru_maxrss``: Linux carries it over from the parent process.
    """
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return None
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def weigh(job: dict[str, Any]) -> dict[str, float | int | None]:
    """Fields of ``Footprint`` for the file that ``job`` names."""
    import onnxruntime as ort  # noqa: F401  # its own megabytes are not the model's

    from sparseprune import onnxruntime
    from sparseprune.runtime import inputs

    before = resident_bytes()
    start = time.perf_counter()
    session = onnxruntime.session(job["path"], threads=job["threads"], provider=job["provider"])
    loaded = time.perf_counter()
    ports = session.get_inputs()
    feeds = inputs.zeros(ports, inputs.resolve(ports, None, job["shapes"]))
    ready = time.perf_counter()
    session.run(None, feeds)
    done = time.perf_counter()
    after = resident_bytes()
    grown = None if before is None or after is None else max(after - before, 0)
    times = {"load_ms": (loaded - start) * 1e3, "first_ms": (done - ready) * 1e3}
    return {**times, "memory_bytes": grown}


if __name__ == "__main__":
    # The script's own folder gives way to the one that holds the package.
    sys.path[0] = sys.argv[1]
    print(json.dumps(weigh(json.loads(sys.argv[2]))))
