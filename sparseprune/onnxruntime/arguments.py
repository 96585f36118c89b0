"""What :func:`sparseprune.onnxruntime.session` was given, checked."""

import os
from pathlib import Path

from sparseprune.errors import InputError

MOST_THREADS = 4096  # more is a mistake, and no memory for them is all that would be said


def check_session(model: object, threads: object, sparsity: object, provider: object) -> None:
    """Raise InputError for a provider, threads or a sparsity that cannot be, or a missing file."""
    if provider not in ("auto", "cpu", "sparseprune"):
        raise InputError(
            f"expected provider 'auto', 'cpu' or 'sparseprune', got {provider!r}; choose one"
        )
    if threads is not None and not (isinstance(threads, int) and 1 <= threads <= MOST_THREADS):
        raise InputError(
            f"expected a number of threads from 1 to {MOST_THREADS}, or None, got {threads!r}"
        )
    if sparsity is not None and not (isinstance(sparsity, int | float) and 0 <= sparsity <= 1):
        raise InputError(f"expected min_sparsity to be a number from 0 to 1, got {sparsity!r}")
    if isinstance(model, bytes):
        return
    if not isinstance(model, str | os.PathLike):
        raise InputError(
            f"expected a path or the bytes of an ONNX model, got {type(model).__name__}"
        )
    if not Path(model).is_file():
        raise InputError(f"expected an ONNX file at {Path(model)}, but there is no such file")


def check_tuning(seconds: object, cache: object) -> None:
    """Raise InputError for a time, or a use of the cache, that cannot be."""
    if seconds is not None and not (isinstance(seconds, int | float) and 0 <= seconds <= 3600):
        raise InputError(f"expected tune_seconds to be a number from 0 to 3600, got {seconds!r}")
    if cache not in (None, "on", "off", "refresh"):
        raise InputError(f"expected tuning_cache 'on', 'off' or 'refresh', got {cache!r}")


def check_files(**paths: object) -> None:
    """Raise InputError for an optional path that is none."""
    for name, path in paths.items():
        if path is not None and not (isinstance(path, str | os.PathLike) and str(path)):
            raise InputError(f"expected {name} to be a path or None, got {path!r}")
