"""What the provider found to run fastest, carried in the file itself."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from sparseprune import onnxruntime
from sparseprune.errors import InputError
from sparseprune.exporter import provenance
from sparseprune.exporter.probe import Feeds

KEY = "tuning"
# Gains that are left after this time are small: the candidates most likely to be fast come first.
DEFAULT_SECONDS = 5.0
# "full": by then every candidate of a ResNet-50 has been tried.
_FULL_SECONDS = 120.0


@dataclass(frozen=True)
class Budget:
    """How long to look for faster tiles.

    Attributes:
        seconds: at most; none for 0.
        anew: what earlier tunings found is not used.
    """

    seconds: float
    anew: bool = False


def budget(tune: float | str) -> Budget:
    """What the ``tune`` of :func:`sparseprune.export` means.

    Raises:
        InputError: it is neither seconds nor "full".
    """
    if tune == "full":
        return Budget(_FULL_SECONDS, anew=True)
    if not isinstance(tune, int | float) or not 0 <= tune <= 3600:
        raise InputError(f"expected tune to be seconds from 0 to 3600 or 'full', got {tune!r}")
    return Budget(tune)


def tune(
    proto: onnx.ModelProto,
    feeds: Feeds,
    budget: Budget,
    provider: str,
    loadable: Callable[[onnx.ModelProto], bytes | Path],
) -> None:
    """Tune the provider on ``proto`` and note in its metadata what was found.

    Nothing changes where the provider runs no part of the model, or finds nothing.

    Args:
        proto: changed in place.
        feeds: the inputs to run it with.
        budget: the time to take.
        provider: see ``onnxruntime.session``.
        loadable: gives the model as a runtime can load it.

    Raises:
        InputError: the model cannot be run.
    """
    if budget.seconds == 0 or provider == "cpu":
        return
    if budget.anew:
        provenance.remove(proto, KEY)
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "tuning.txt"
        session = onnxruntime.session(
            loadable(proto),
            threads=1,
            provider=provider,
            tune_seconds=budget.seconds,
            tuning_file=found,
            tuning_cache="refresh" if budget.anew else "on",
        )
        _run(session, feeds)
        text = found.read_text(encoding="ascii") if found.exists() else ""
    if text:
        provenance.stamp(proto, {KEY: text})


def _run(session: Any, feeds: Feeds) -> None:
    try:
        session.run(None, feeds)
    except Exception as error:  # ONNX Runtime's errors share no base of their own
        raise InputError(onnxruntime.cause("the model", error)) from error
