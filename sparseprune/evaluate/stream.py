"""Ask every network about every shift. A shift is made once and forgotten before the next."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sparseprune.errors import GateError, InputError
from sparseprune.evaluate import hidden_loss, metrics
from sparseprune.evaluate.metrics import Labels
from sparseprune.evaluate.verdicts import verdict
from sparseprune.records import Row, select
from sparseprune.runtime import Runner

Logits = npt.NDArray[np.float32]
Progress = Callable[[int, int, str], None]  # predictions done, of how many, a few words


class Shift(Protocol):
    """One distribution of test pictures; ``sparseprune.data.shifts`` makes them."""

    @property
    def name(self) -> str:
        """Unique among the shifts of a run; "clean" is the test set itself."""

    @property
    def severity(self) -> int | float | None:
        """How far it is from clean."""

    @property
    def labels(self) -> Labels | None:
        """[N], the pictures' own; None where they are those of the test set."""

    def batches(self) -> Iterable[npt.NDArray[np.float32]]:
        """Normalised pictures [n, C, H, W] in the order of the labels; gone through once a runner.

        A list of what fits in memory, or what makes it anew each time.
        """


@dataclass(frozen=True)
class Pair:
    """A network as it is deployed and, to compare with, its masked dense twin."""

    accelerated: Runner
    twin: Runner | None = None

    def runners(self) -> Iterator[tuple[str, Runner]]:
        """The runners there are, under the names of the ``runner`` field of rows."""
        yield "accelerated", self.accelerated
        if self.twin is not None:
            yield "twin", self.twin


def run(
    shifts: Sequence[Shift],
    labels: Labels,
    networks: Mapping[str, Pair],
    *,
    parent: str | None = None,
    progress: Progress = lambda done, total, text: None,
) -> list[Row]:
    """``evaluation``, ``hidden_loss`` and ``verdict`` rows of ``networks`` on ``shifts``.

    Args:
        shifts: each that fits in memory is made once and shown to all networks.
        labels: [N], of every shift that has none of its own.
        networks: by id.
        parent: id of the network that agreement and softmax distance refer to, each runner to
            the parent's runner of the same name; None leaves both fields empty.
        progress: called after every prediction.

    Raises:
        InputError: ``parent`` is unknown, or a shift's pictures and ``labels`` do not match.
        GateError: a network answers NaN or infinity.
    """
    if parent is not None and parent not in networks:
        raise InputError(f"parent: expected one of {', '.join(networks)}, got {parent!r}")
    order = sorted(networks, key=lambda id: id != parent)
    total = len(shifts) * sum(len(list(pair.runners())) for pair in networks.values())
    rows: list[Row] = []
    done = 0
    for shift in shifts:
        truth = labels if shift.labels is None else shift.labels
        pictures = shift.batches()
        reference: dict[str, Logits] = {}
        for id in order:
            logits: dict[str, Logits] = {}
            for name, runner in networks[id].runners():
                logits[name] = _predict(id, runner, shift, pictures, len(truth))
                done += 1
                progress(done, total, f"{id} on {shift.name}")
            if id == parent:
                reference = {"twin": logits["accelerated"], **logits}
            rows += _rows(id, shift, logits, truth, reference)
    twins = [id for id in networks if networks[id].twin is not None]
    return rows + [verdict(select(rows, "hidden_loss", id=id)) for id in twins if shifts]


def _predict(
    id: str,
    runner: Runner,
    shift: Shift,
    pictures: Iterable[npt.NDArray[np.float32]],
    expected: int,
) -> Logits:
    seen = 0
    parts = []
    for batch in pictures:
        seen += len(batch)
        if seen <= expected:
            parts.append(runner.predict(batch))
    if seen != expected:
        raise InputError(f"{shift.name}: expected {expected} pictures, one per label, got {seen}")
    logits = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if not np.isfinite(logits).all():
        bad = int((~np.isfinite(logits)).any(axis=1).sum())
        raise GateError(
            f"{id} ({runner.name}) on {shift.name}: NaN or infinite logits for {bad} of "
            f"{len(logits)} pictures; the network is broken, export or train it again"
        )
    return logits


def _rows(
    id: str,
    shift: Shift,
    logits: Mapping[str, Logits],
    labels: Labels,
    reference: Mapping[str, Logits],
) -> Iterator[Row]:
    for runner, answers in logits.items():
        yield {
            "kind": "evaluation",
            "id": id,
            "runner": runner,
            "distribution": shift.name,
            "severity": shift.severity,
            "correct": metrics.correct(answers, labels),
            "total": len(labels),
            **_likeness(answers, reference.get(runner)),
        }
    if "twin" in logits:
        found = hidden_loss.compare(logits["accelerated"], logits["twin"], labels)
        yield {"kind": "hidden_loss", "id": id, "distribution": shift.name, **found}


def _likeness(logits: Logits, parent: Logits | None) -> dict[str, Any]:
    if parent is None:
        return {"agreement": None, "softmax_distance": None}
    return {
        "agreement": metrics.agreement(logits, parent),
        "softmax_distance": metrics.softmax_distance(logits, parent),
    }
