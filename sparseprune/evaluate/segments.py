"""Networks that segment, asked picture by picture: their logits would not fit in memory together.

Everything is counted in pixels whose mask is not ``VOID``.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from statistics import NormalDist
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sparseprune.errors import GateError, InputError
from sparseprune.evaluate import metrics
from sparseprune.evaluate.hidden_loss import ROUNDING
from sparseprune.evaluate.segmentation import Confusion
from sparseprune.labels import VOID
from sparseprune.records import Row
from sparseprune.runtime import Runner

Logits = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.int64]

# Pixels shown at once: two pictures of 513 x 513, whose logits of 21 classes are 44 MB.
_PIXELS = 1 << 19


class Masks(Protocol):
    """The class of each pixel, [N, H, W]; indexing with a slice gives an array."""

    @property
    def ndim(self) -> int:
        """Three."""

    def __len__(self) -> int:
        """N."""

    def __getitem__(self, places: Any, /) -> Any:
        """Masks at ``places``, integers [n, H, W]."""


class Score:
    """What one runner did on one shift, and how like its parent it was."""

    def __init__(self, classes: int) -> None:
        self._confusion = Confusion(classes)
        self._agreement, self._distance, self._compared = 0, 0.0, 0

    def add(self, logits: Logits, truth: Pixels, parent: Logits | None) -> None:
        """Count one piece: ``logits`` [n, classes, H, W], ``truth`` [n, H, W]."""
        answer = logits.argmax(axis=1)
        self._confusion.add(answer, truth)
        if parent is None:
            return
        counted = truth != VOID
        mine, theirs = (np.moveaxis(it, 1, -1)[counted] for it in (logits, parent))
        self._agreement += metrics.agreement(mine, theirs)
        self._distance += metrics.softmax_distance(mine, theirs) * len(mine) if len(mine) else 0.0
        self._compared += len(mine)

    def row(self) -> Row:
        """Fields of an ``evaluation`` row. Without a parent the last two are null."""
        counts = self._confusion.counts
        if not counts.any():
            raise InputError("expected masks with at least one pixel that is not void, got none")
        fields: Row = {
            "correct": int(np.diag(counts).sum()),
            "total": int(counts.sum()),
            "mean_iou": self._confusion.mean_iou(),
            "agreement": None,
            "softmax_distance": None,
        }
        if self._compared:
            fields["agreement"] = self._agreement
            fields["softmax_distance"] = self._distance / self._compared
        return fields


class Loss:
    """The hidden loss of a network that segments: per-pixel agreement with its masked twin.

    ``gained`` and ``lost`` are pixels that exactly one of them gets right. Neighbouring pixels go
    wrong together, so the interval of their difference takes pictures, not pixels, as the
    independent ones: it is that of a ratio of sums over pictures (Cochran, Sampling Techniques,
    section 6.4), from the normal distribution.
    """

    def __init__(self) -> None:
        self._flipped = self._unexplained = 0
        self._max_abs = 0.0
        self._each: list[tuple[int, int, int]] = []  # of each picture: gained, lost, counted

    def add(self, accelerated: Logits, twin: Logits, truth: Pixels) -> None:
        """Compare one piece. A flip is unexplained as in ``hidden_loss.compare``, by picture."""
        new, old, counted = accelerated.argmax(axis=1), twin.argmax(axis=1), truth != VOID
        flips = (new != old) & counted
        best, other = (np.take_along_axis(twin, it[:, None], 1)[:, 0] for it in (old, new))
        margin = best.astype(np.float64) - other
        tolerance = ROUNDING * np.abs(twin).max(axis=(1, 2, 3)).astype(np.float64)
        self._flipped += int(flips.sum())
        self._unexplained += int((flips & (margin > 2 * tolerance[:, None, None])).sum())
        self._max_abs = max(self._max_abs, float(np.abs(accelerated - twin).max()))
        gained = (new == truth) & (old != truth) & counted
        lost = (new != truth) & (old == truth) & counted
        sums = [it.sum(axis=(1, 2)).tolist() for it in (gained, lost, counted)]
        self._each += list(zip(*sums, strict=True))

    def row(self) -> Row:
        """Fields of a ``hidden_loss`` row; ``error`` is the standard error of the difference."""
        each = np.array(self._each, np.float64)
        gained, lost, total = (int(it) for it in each.sum(axis=0))
        difference = (gained - lost) / total
        error = _clustered(each[:, 0] - each[:, 1], each[:, 2])
        low, high = interval(difference, error)
        return {
            "total": total,
            "pictures": len(each),
            "flipped": self._flipped,
            "unexplained": self._unexplained,
            "gained": gained,
            "lost": lost,
            "difference": difference,
            "error": error,
            "low": low,
            "high": high,
            "max_abs": self._max_abs,
        }


def interval(difference: float, error: float, level: float = 0.95) -> tuple[float, float]:
    """``difference`` and z standard errors to both sides, cut to [-1, 1]."""
    half = NormalDist().inv_cdf((1 + level) / 2) * error
    return max(difference - half, -1.0), min(difference + half, 1.0)


def _clustered(differences: npt.NDArray[np.float64], counts: npt.NDArray[np.float64]) -> float:
    """Standard error of sum(differences) / sum(counts) over pictures.

    One picture tells nothing of others: then it is that of the widest interval there is.
    """
    pictures = len(counts)
    if pictures < 2:
        return 1.0
    rest = differences - differences.sum() / counts.sum() * counts
    return math.sqrt(pictures / (pictures - 1) * float(rest @ rest)) / float(counts.sum())


def pieces(
    name: str, batches: Iterable[npt.NDArray[np.float32]], masks: Masks
) -> Iterator[tuple[npt.NDArray[np.float32], Pixels]]:
    """Pictures and their masks, a few at a time.

    Raises:
        InputError: there are not as many pictures as masks.
    """
    start = 0
    for batch in batches:
        step = max(1, _PIXELS // math.prod(batch.shape[2:]))
        for first in range(0, len(batch), step):
            part = batch[first : first + step]
            truth = masks[start : start + len(part)]
            start += len(part)
            if len(truth) == len(part):
                yield part, truth
    if start != len(masks):
        raise InputError(f"{name}: expected {len(masks)} pictures, one per mask, got {start}")


def rows(
    shift: tuple[str, Any],
    batches: Iterable[npt.NDArray[np.float32]],
    masks: Masks,
    runners: Mapping[str, Mapping[str, Runner]],
    parent: str | None,
    progress: Callable[[str, int], None],
) -> Iterator[Row]:
    """``evaluation`` and ``hidden_loss`` rows of all networks on one shift, shown once to all.

    Args:
        shift: its name and severity.
        batches: of normalised pictures.
        masks: of the same pictures.
        runners: by network and name; the parent first, if there is one.
        parent: whom the others are compared with.
        progress: told the network and the pictures it has seen.
    """
    scores: dict[tuple[str, str], Score] = {}
    losses = {id: Loss() for id, mine in runners.items() if "twin" in mine}
    seen = 0
    for pictures, truth in pieces(shift[0], batches, masks):
        reference: dict[str, Logits] = {}
        seen += len(pictures)
        for id, mine in runners.items():
            logits = {
                name: _ask(id, runner, shift[0], pictures, truth) for name, runner in mine.items()
            }
            if id == parent:
                reference = {"twin": logits["accelerated"], **logits}
            for name, answer in logits.items():
                score = scores.setdefault((id, name), Score(answer.shape[1]))
                score.add(answer, truth, reference.get(name))
            if "twin" in logits:
                losses[id].add(logits["accelerated"], logits["twin"], truth)
            progress(id, seen)
    head = {"distribution": shift[0], "severity": shift[1]}
    for (id, name), score in scores.items():
        yield {"kind": "evaluation", "id": id, "runner": name, **head, **score.row()}
    for id, loss in losses.items():
        yield {"kind": "hidden_loss", "id": id, "distribution": shift[0], **loss.row()}


def _ask(id: str, runner: Runner, shift: str, pictures: Logits, truth: Pixels) -> Logits:
    logits = runner.predict(pictures)
    if logits.ndim != 4 or (len(logits), *logits.shape[2:]) != truth.shape:
        raise InputError(
            f"{id} ({runner.name}) on {shift}: expected logits [{len(truth)}, classes, "
            f"{truth.shape[1]}, {truth.shape[2]}], one for each pixel of the masks, got "
            f"{list(logits.shape)}; give a network that segments"
        )
    if not np.isfinite(logits).all():
        raise GateError(
            f"{id} ({runner.name}) on {shift}: NaN or infinite logits; the network is broken, "
            "export or train it again"
        )
    return logits
