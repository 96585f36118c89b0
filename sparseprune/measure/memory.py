"""What a model file costs a fresh process: time to load, memory it keeps."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sparseprune
from sparseprune.errors import InputError

_CHILD = Path(__file__).with_name("child.py")
# A large model on a busy machine loads in seconds; past this something hangs.
_PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Footprint:
    """Cost of one file in a process that had imported NumPy and ONNX Runtime before.

    Attributes:
        load_ms: milliseconds to make the session, our provider's registration included.
        first_ms: milliseconds of the first call, which plans for its shape and packs weights.
        memory_bytes: growth of the resident set from before loading to after the first call;
            null where the system does not tell (Linux does).
    """

    load_ms: float
    first_ms: float
    memory_bytes: int | None


def memory(
    path: str | Path,
    shape: Sequence[int] | Mapping[str, Sequence[int]],
    *,
    threads: int | None = 1,
    provider: str = "auto",
) -> Footprint:
    """Load ``path`` in a fresh process, run it once on zeros, and report.

    Args:
        path: an ONNX file.
        shape: of its input; of several, by name.
        threads: see ``onnxruntime.session``.
        provider: the same.

    Raises:
        InputError: the process could not load or run the file; its last words are in the message.
    """
    root = Path(sparseprune.__file__).parents[1]
    given = shape if isinstance(shape, Mapping) else {"": shape}
    shapes = {name: list(extents) for name, extents in given.items()}
    job = {"path": str(path), "shapes": shapes, "threads": threads, "provider": provider}
    try:
        child = subprocess.run(
            [sys.executable, str(_CHILD), str(root), json.dumps(job)],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"{path}: expected to load within {_PATIENCE_SECONDS} s in a fresh process, it did "
            "not; measure it on an idle machine"
        ) from error
    if child.returncode:
        words = child.stderr.strip().splitlines() or [f"exit status {child.returncode}"]
        raise InputError(f"{path}: a fresh process could not run it: {words[-1]}")
    return Footprint(**json.loads(child.stdout.splitlines()[-1]))
