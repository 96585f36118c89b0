"""Ask every network about every shift. A shift is made once and forgotten before the next."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
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
Batches = Iterable[npt.NDArray[np.float32]]
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
        """Normalised pictures [n, C, H, W] in the order of the labels.

        A list of what fits in memory, gone through once a runner; or what makes them one batch
        after the other, gone through once.
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
        shifts: each is made once and shown to all networks.
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
    """The rows of each network from all its logits on the shift."""
    pictures = shift.batches()
    answers = _in_turn if isinstance(pictures, list) else _together
    reference: dict[str, Logits] = {}
    for id, logits in answers(shift, pictures, len(labels), networks, told):
        if id == parent:
            reference = {"twin": logits["accelerated"], **logits}
        yield from _rows(id, shift, logits, labels, reference)


def _in_turn(
    shift: Shift, pictures: Batches, count: int, networks: Mapping[str, Pair], told: _Counted
) -> Iterator[tuple[str, dict[str, Logits]]]:
    """All pictures through each network; its logits are kept till the next one's."""
    each = sum(len(list(pair.runners())) for pair in networks.values())
    done = 0
    for id, pair in networks.items():
        logits: dict[str, Logits] = {}
        for name, runner in pair.runners():
            parts = [_predict(id, runner, shift, it) for it in _counted(shift, pictures, count)]
            logits[name] = parts[0] if len(parts) == 1 else np.concatenate(parts)
            done += 1
            told(done, each, f"{id} on {shift.name}")
        yield id, logits


def _together(
    shift: Shift, pictures: Batches, count: int, networks: Mapping[str, Pair], told: _Counted
) -> Iterator[tuple[str, dict[str, Logits]]]:
    """Each batch through all networks, because to decode and corrupt it again costs as much.

    Logits wait on disk: those of ImageNet's 50 000 pictures are 200 MB for every runner.
    """
    with TemporaryDirectory(prefix="sparseprune-") as folder:
        places = {
            id: {name: Path(folder, f"{number}-{name}") for name, _ in networks[id].runners()}
            for number, id in enumerate(networks)
        }
        done = 0
        for batch in _counted(shift, pictures, count):
            for id, pair in networks.items():
                for name, runner in pair.runners():
                    with places[id][name].open("ab") as file:
                        file.write(_predict(id, runner, shift, batch).tobytes())
                done += len(batch)
                told(done, count * len(networks), f"{id} on {shift.name}")
        for id, files in places.items():
            yield id, {name: _stored(file, count) for name, file in files.items()}


def _stored(file: Path, count: int) -> Logits:
    return np.memmap(file, np.float32, "r").reshape(count, -1)


def _counted(shift: Shift, pictures: Batches, expected: int) -> Iterator[Logits]:
    """The batches, no more of them than there are labels for.

    Raises:
        InputError: at the end, where there were not as many pictures.
    """
    seen = 0
    for batch in pictures:
        seen += len(batch)
        if seen <= expected:
            yield batch
    if seen != expected:
        raise InputError(f"{shift.name}: expected {expected} pictures, one per label, got {seen}")


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


def _predict(id: str, runner: Runner, shift: Shift, batch: npt.NDArray[np.float32]) -> Logits:
    logits = runner.predict(batch)
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
