"""Results are rows: one JSON object a line, each with its ``kind``; pages are derived from rows.

Every stage of a run writes one file ``records/<stage>.jsonl`` (write-then-rename, so a file that
exists is whole); the rows of a run are the rows of all its files. The kinds and their fields:

``run``         name, digest (of the recipe), recipe, seed, machine, versions, notes {distribution:
                what a reader must know of it}, data {name, digest, train, test, classes}
``training``    id, losses (mean of each epoch), seconds
``network``     id, role (parent, separate, pruned, control), method, target_ratio, ratio (of all
                parameters, achieved), unit, params, nonzero, flops_ratio, form (dense, sparse,
                slim), coupling, rule (how tied channels left), round_to, channels, onnx (path in
                the run folder), onnx_bytes, provider, loaded (our provider, whether or not it
                runs a part), claimed {nodes, of}, parity {max_abs, bound, images}, seed, cycles
                (retrainings; of a control, of those it is compared with; null of the parent)
``evaluation``  id, runner (accelerated, twin), distribution, severity, correct, total,
                agreement (number of labels equal to the parent's), softmax_distance (mean l2 to
                the parent's); the last two null where there is no parent. Of networks that
                segment correct, total and agreement count pixels, and mean_iou is there too:
                of all pixels of the set. Where pictures show several classes, they count
                decisions (whether a picture shows a class), and mean_average_precision is there
``hidden_loss`` id, distribution, total, flipped, unexplained (flips that rounding cannot explain),
                lost, gained, difference, low, high, max_abs; in pixels or decisions
                with pictures and error (standard error of the difference, over pictures)
``verdict``     id, total, flipped, unexplained, difference, low, high, passed, sentence
``potential``   method, runner, distribution, potential, censored (hit the end of the grid)
``overall_potential`` method, runner, set (train, test: of distributions), distributions, mean,
                least, where_least
``recommendation`` method, runner, distributions, ratio, id (both null when no ratio holds
                everywhere)
``excess_error`` id, method, ratio, runner, value (difference in excess error, paper 1.7)
``excess_slope`` method, runner, value (of that difference by ratio, line through the origin),
                networks; of a sweep, over all seeds of a model
``noise``       id, width, total, agreement, agreement_std, softmax_distance, softmax_distance_std,
                correct (of each draw): of the networks as deployed, compared with the parent
``noise_potential`` method, width, potential (mean over draws), deviation (from it, median)
``latency``     id, baseline, provider, threads, batch, calls, median_us, p10_us, p90_us, p99_us
                (null below a hundred calls), speedup, speedup_low, speedup_high, noise,
                file_bytes, load_ms, memory_bytes; of ``sparseprune bench`` also group (its table),
                form (dense, sparse, compact, slim, or file: as deployed), model, digest (of its
                file), claimed, inputs {name: shape}, items_per_s, difference (from the dense
                answers, relative), first_ms
``missing``     group, reason; form, or threads and batch: what ``bench`` could not measure
``machine``     machine, versions: where the rows of a file were measured
``seed_potential``, ``seed_overall``, ``seed_accuracy`` of a sweep: model and what the value is of
                (method, runner, distribution; set and statistic; id, role, target_ratio), seeds,
                values (one a seed), mean, std (of the population)
"""

import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from sparseprune.errors import InputError
from sparseprune.files import replacing

Row = dict[str, Any]

#: What networks are judged by: field of ``evaluation`` rows (but the first), and its name.
QUALITIES = {
    "accuracy": "accuracy",
    "mean_iou": "mean IoU",
    "mean_average_precision": "mean average precision",
}


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write ``rows`` to ``path``, one JSON object a line, whole or not at all."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        for row in rows:
            stream.write(json.dumps(row, sort_keys=True, allow_nan=False) + "\n")


def read(path: Path) -> list[Row]:
    """Rows of one file.

    Raises:
        InputError: a line is not a JSON object with a ``kind``.
    """
    rows: list[Row] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a readable file of JSON lines, got {error}") from error
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            row = None
        if not isinstance(row, dict) or "kind" not in row:
            raise InputError(
                f"{path}:{number}: expected a JSON object with a 'kind', got {line[:60]!r}; "
                "the file is damaged, delete it and run again"
            )
        rows.append(row)
    return rows


def read_run(run: Path) -> list[Row]:
    """All rows of a run folder, in the order of its record files' names.

    Raises:
        InputError: ``run`` holds no ``records/*.jsonl``.
    """
    files = sorted((run / "records").glob("*.jsonl"))
    if not files:
        raise InputError(
            f"{run}: expected a run folder with records/*.jsonl, found none; "
            "give the folder that 'sparseprune run' printed"
        )
    return [row for file in files for row in read(file)]


def quality(row: Row) -> str:
    """Which of ``QUALITIES`` an ``evaluation`` row is judged by."""
    return next((name for name in QUALITIES if name in row), "accuracy")


def score(row: Row) -> Fraction:
    """How good a network is by an ``evaluation`` row, exactly, 0 to 1.

    Its mean IoU or mean average precision, or else the share of pictures it gets right.
    """
    name = quality(row)
    if name != "accuracy":
        return Fraction(row[name])
    return Fraction(row["correct"], row["total"])


def select(rows: Iterable[Row], kind: str, **fields: Any) -> list[Row]:
    """Rows of one kind whose ``fields`` all have the given values."""
    return [r for r in rows if r["kind"] == kind and all(r.get(k) == v for k, v in fields.items())]
