"""What a sweep found over its seeds, as rows; the formulas of the study (paper 1.5 to 1.7).

Every value is of one seed first: potentials are found with that seed's own parent, and the least
over distributions is taken before anything is averaged. Then the mean, and the standard deviation
of the population (``ddof`` 0), are over seeds. Slopes of the excess error alone are of all seeds'
networks together.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from sparseprune import records
from sparseprune.evaluate.excess_error import slopes
from sparseprune.records import Row, select
from sparseprune.sweep.runs import Run

Value = tuple[dict[str, Any], float]  # what it is of, and the value


def rows(root: Path, runs: Iterable[Run]) -> list[Row]:
    """``seed_potential``, ``seed_overall``, ``seed_accuracy``, ``excess_slope`` rows of all runs.

    Raises:
        InputError: a run folder is missing or damaged.
    """
    found: dict[tuple[str, str], dict[tuple[tuple[str, Any], ...], dict[int, float]]]
    found = defaultdict(lambda: defaultdict(dict))
    excess: dict[str, list[Row]] = defaultdict(list)
    for run in runs:
        known = records.read_run(root / "runs" / run.name)
        excess[run.model] += select(known, "excess_error")
        for kind, values in _KINDS.items():
            for what, value in values(known):
                key = tuple({"model": run.model, **what}.items())
                found[kind, run.model][key][run.recipe.seed] = value
    averaged = [
        {"kind": kind, **dict(key), **_over_seeds(values)}
        for (kind, _), groups in sorted(found.items(), key=lambda item: _ORDER[item[0][0]])
        for key, values in groups.items()
    ]
    # One line through the networks of all seeds, not the mean of a line for each (paper 1.7).
    sloped = [{**row, "model": model} for model in excess for row in slopes(excess[model])]
    return averaged + sloped


def write(root: Path, runs: Iterable[Run]) -> list[Row]:
    """Write the rows into the sweep's folder, and return them."""
    found = rows(root, runs)
    records.write(path(root), found)
    return found


def path(root: Path) -> Path:
    """Where the rows of a sweep's folder are."""
    return root / "records" / "summary.jsonl"


def _over_seeds(values: dict[int, float]) -> Row:
    seeds = sorted(values)
    numbers = [values[seed] for seed in seeds]
    return {"seeds": seeds, "values": numbers, "mean": fmean(numbers), "std": pstdev(numbers)}


def _potentials(rows: list[Row]) -> Iterable[Value]:
    keys = ("method", "runner", "distribution")
    for row in select(rows, "potential"):
        yield {key: row[key] for key in keys}, row["potential"]


def _overall(rows: list[Row]) -> Iterable[Value]:
    keys = ("method", "runner", "set")
    for row in select(rows, "overall_potential"):
        for statistic in ("mean", "least"):
            yield {**{key: row[key] for key in keys}, "statistic": statistic}, row[statistic]


def _accuracies(rows: list[Row]) -> Iterable[Value]:
    networks = {row["id"]: row for row in select(rows, "network")}
    for row in select(rows, "evaluation"):
        network = networks[row["id"]]
        what = {key: network[key] for key in ("id", "role", "method", "target_ratio")}
        shown = {"runner": row["runner"], "distribution": row["distribution"]}
        yield {**what, **shown}, float(records.score(row))


_KINDS: dict[str, Callable[[list[Row]], Iterable[Value]]] = {
    "seed_potential": _potentials,
    "seed_overall": _overall,
    "seed_accuracy": _accuracies,
}
_ORDER = {kind: place for place, kind in enumerate(_KINDS)}
