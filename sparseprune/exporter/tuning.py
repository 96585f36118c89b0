"""What the provider found to run fastest, carried in the file itself."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from sparseprune import onnxruntime
from sparseprune.errors import InputError
from sparseprune.exporter import provenance
from sparseprune.exporter.probe import Batch

KEY = "tuning"
# Gains that are left after this time are small: the candidates most likely to be fast come first.
DEFAULT_SECONDS = 5.0
# "full": by then every candidate of a ResNet-50 has been tried.
_FULL_SECONDS = 120.0


def tune(proto: onnx.ModelProto, pictures: Batch, budget: float | str, provider: str) -> None:
    """Tune the provider on ``proto`` for single pictures and note in its metadata what was found.

    Nothing changes where the provider runs no part of the model, or finds nothing.

    Args:
        proto: changed in place.
        pictures: [N, ...], N >= 1: as many of them run as the model takes at least.
        budget: seconds; "full" is as long as there is something to try, from the beginning: what
            earlier tunings found is not used.
        provider: see ``onnxruntime.session``.

    Raises:
        InputError: the budget is neither.
    """
    full = budget == "full"
    seconds = _FULL_SECONDS if full else budget
    if not isinstance(seconds, int | float) or not 0 <= seconds <= 3600:
        raise InputError(f"expected tune to be seconds from 0 to 3600 or 'full', got {budget!r}")
    if seconds == 0 or provider == "cpu":
        return
    if full:
        provenance.remove(proto, KEY)
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "tuning.txt"
        session = onnxruntime.session(
            proto.SerializeToString(),
            threads=1,
            provider=provider,
            tune_seconds=seconds,
            tuning_file=found,
            tuning_cache="refresh" if full else "on",
        )
        _run(session, pictures)
        text = found.read_text(encoding="ascii") if found.exists() else ""
    if text:
        provenance.stamp(proto, {KEY: text})


def _run(session: Any, pictures: Batch) -> None:
    port = session.get_inputs()[0]
    batch = port.shape[0] if isinstance(port.shape[0], int) else 1
    try:
        session.run(None, {port.name: np.resize(pictures, (batch, *pictures.shape[1:]))})
    except Exception as error:  # ONNX Runtime's errors share no base of their own
        raise InputError(onnxruntime.cause("the model", error)) from error
