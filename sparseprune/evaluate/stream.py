"""Ask every network about every shift. A shift is made once and forgotten before the next."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sparseprune.errors import GateError, InputError
from sparseprune.evaluate import hidden_loss, metrics, segments, several
from sparseprune.evaluate.metrics import Labels
from sparseprune.evaluate.segments import Masks
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
    def labels(self) -> Labels | Masks | None:
        """[N], [N, classes] or [N, H, W], their own; None where they are those of the test set."""

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
    labels: Labels | Masks,
    networks: Mapping[str, Pair],
    *,
    parent: str | None = None,
    progress: Progress = lambda done, total, text: None,
) -> list[Row]:
    """``evaluation``, ``hidden_loss`` and ``verdict`` rows of ``networks`` on ``shifts``.

    Args:
        shifts: each that fits in memory is made once and shown to all networks.
        labels: [N]; [N, classes] of 1, 0 and -1 (not counted) where pictures show several; or masks
            [N, H, W] of networks that segment. Of every shift that has none of its own.
        networks: by id.
        parent: id of the network that agreement and softmax distance refer to, each runner to
            the parent's runner of the same name; None leaves both fields empty.
        progress: called after every prediction: of a whole shift, or of a few pictures to segment.

    Raises:
        InputError: ``parent`` is unknown, or a shift's pictures and ``labels`` do not match.
        GateError: a network answers NaN or infinity.
    """
    if parent is not None and parent not in networks:
        raise InputError(f"parent: expected one of {', '.join(networks)}, got {parent!r}")
    order = sorted(networks, key=lambda id: id != parent)
    every = {id: networks[id] for id in order}
    rows: list[Row] = []
    for number, shift in enumerate(shifts):
        truth = labels if shift.labels is None else shift.labels
        counted = _Counted(progress, number, len(shifts))
        if isinstance(truth, np.ndarray) and truth.ndim < 3:
            rows += _classified(shift, truth, every, parent, counted)
        else:
            rows += _segmented(shift, truth, every, parent, counted)
    twins = [id for id in networks if networks[id].twin is not None]
    return rows + [verdict(select(rows, "hidden_loss", id=id)) for id in twins if shifts]


@dataclass(frozen=True)
class _Counted:
    """Tells of the predictions on one of several shifts as a part of those on all."""

    progress: Progress
    shift: int
    shifts: int

    def __call__(self, done: int, each: int, text: str) -> None:
        self.progress(self.shift * each + done, self.shifts * each, text)


def _classified(
    shift: Shift, labels: Labels, networks: Mapping[str, Pair], parent: str | None, told: _Counted
) -> Iterator[Row]:
    """All pictures of the shift through each network in turn; its logits are kept till its end."""
    pictures = shift.batches()
    each = sum(len(list(pair.runners())) for pair in networks.values())
    done = 0
    reference: dict[str, Logits] = {}
    for id, pair in networks.items():
        logits: dict[str, Logits] = {}
        for name, runner in pair.runners():
            logits[name] = _predict(id, runner, shift, pictures, len(labels))
            done += 1
            told(done, each, f"{id} on {shift.name}")
        if id == parent:
            reference = {"twin": logits["accelerated"], **logits}
        yield from _rows(id, shift, logits, labels, reference)


def _segmented(
    shift: Shift,
    masks: Labels | Masks,
    networks: Mapping[str, Pair],
    parent: str | None,
    told: _Counted,
) -> Iterator[Row]:
    """Few pictures at a time through all networks."""
    runners = {id: dict(pair.runners()) for id, pair in networks.items()}
    place = {id: number for number, id in enumerate(networks)}
    count = len(masks)

    def progress(id: str, seen: int) -> None:
        # Counted as though each network saw the pictures it has seen at once.
        done = seen * len(place) - (len(place) - 1 - place[id])
        told(done, count * len(place), f"{id} on {shift.name}")

    head = shift.name, shift.severity
    return segments.rows(head, shift.batches(), masks, runners, parent, progress)


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
    score, compare = (
        (_score, hidden_loss.compare) if labels.ndim == 1 else (several.score, several.compare)
    )
    for runner, answers in logits.items():
        yield {
            "kind": "evaluation",
            "id": id,
            "runner": runner,
            "distribution": shift.name,
            "severity": shift.severity,
            **score(answers, labels, reference.get(runner)),
        }
    if "twin" in logits:
        found = compare(logits["accelerated"], logits["twin"], labels)
        yield {"kind": "hidden_loss", "id": id, "distribution": shift.name, **found}


def _score(logits: Logits, labels: Labels, parent: Logits | None) -> Row:
    found = {"correct": metrics.correct(logits, labels), "total": len(labels)}
    return {**found, **metrics.likeness(logits, parent)}
