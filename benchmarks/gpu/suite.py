"""Parts, one after another: rows of results/gpu, and the tilings that kernels/configs keeps."""

import argparse
import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import table
import torch

from gpu import place as places
from gpu.ceilings import ceilings
from gpu.clock import Dry, Graphs
from gpu.contest import Budget, Contest
from gpu.parts import CEILINGS, NAMES, PARTS
from gpu.place import Place
from sparseprune import records
from sparseprune.errors import GateError, InputError, first_line
from sparseprune.kernels import winners
from sparseprune.kernels.winners import CHOICES, Shape, Winner
from sparseprune.records import Row

Show = Callable[[str, str], None]
Save = Callable[..., None]


def main(
    options: argparse.Namespace, results: Path, show: Show, configs: Path = winners.FOLDER
) -> None:
    """Measure the parts that were asked for, each written as soon as it is done.

    Raises:
        InputError: there is no GPU and it is no dry run, or no such case.
        GateError: answers of ours were wrong.
    """
    place = places.here(dry=options.dry)
    # cuDNN's fastest algorithm, and no TF32 anywhere: every case is of 16-bit numbers.
    torch.backends.cudnn.benchmark = True
    head: Row = {"kind": "run", "suite": "gpu", "dry": options.dry, **places.facts(place)}
    budget = Budget(options.budget)
    contest = Contest(Dry() if place.dry else Graphs(), budget, head["gpu"])
    wrong: list[Row] = []
    parts = options.part or NAMES
    check_selection(options.only, parts, place)
    for part in parts:
        about = {**head, "part": part, "budget_s": budget.seconds}
        save = functools.partial(keep, about, part=part, results=results, configs=configs)
        with torch.inference_mode():
            written = not place.dry and not options.only
            rows = part_rows(
                part, place, contest, options.only, show, save if written else _nowhere
            )
        print(table.text(rows))
        # Others' wrong answers have rows too, but are no failure of ours.
        wrong += [row for row in rows if row.get("wrong") and row["ours"]]
    if wrong:
        named = "; ".join(f"{row['case']} {row['peer']} {row['zeros']}" for row in wrong)
        raise GateError(f"wrong answers, of which no time was taken: {named}")


def part_rows(
    part: str,
    place: Place,
    contest: Contest,
    only: Sequence[str],
    show: Show,
    save: Save,
) -> list[Row]:
    """Rows of one part, of all its cases or of those in ``only``; saved whenever there are more."""
    if part == CEILINGS:
        show(part, "measuring")
        rows = list(ceilings(place, contest.clock, contest.gpu))
        save(rows)
        return rows
    rows = []
    for case in PARTS[part](place):
        if not only or case.name in only:
            show(part, case.name)
            beside = functools.partial(_beside, list(rows), save, case.name)
            rows += contest.rows(case, beside)
            save(rows)
            _clear(place, case.name)
    return rows


def _nowhere(rows: list[Row], *, unfinished: str = "") -> None:
    """Of a dry run, or of a selection."""


def _beside(before: list[Row], save: Save, case: str, rows: list[Row]) -> None:
    save([*before, *rows], unfinished=case)


def _clear(place: Place, case: str) -> None:
    """Give memory back.

    Raises:
        InputError: a kernel has left the GPU in a state in which this process can use it no more.
    """
    if place.dry:
        return
    try:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
    except RuntimeError as error:
        raise InputError(
            f"expected a GPU that works, got in {case}: {first_line(error)}; what was measured is "
            "kept, run the other parts again"
        ) from error


def check_selection(only: Sequence[str], parts: Sequence[str], place: Place) -> None:
    """Refuse names of cases that the parts do not have."""
    names = [case.name for part in parts if part in PARTS for case in PARTS[part](place)]
    for name in only:
        if name not in names:
            raise InputError(f"no case {name!r} in these parts; there are: {', '.join(names)}")


def keep(
    head: Row, rows: list[Row], *, part: str, results: Path, configs: Path, unfinished: str = ""
) -> None:
    """Write a part's rows beside older ones of cases that it did not come to, and the tilings.

    Rows of the ``unfinished`` case are not all there.

    Raises:
        InputError: they were not measured on a GPU.
    """
    if head["dry"] or any(row["kind"] == "checked" for row in rows):
        raise InputError("expected rows measured on a GPU, got those of a dry run")
    gpu = head["gpu"]
    file = results / "gpu" / winners.path(gpu).stem / f"{part}.jsonl"
    old = records.read(file) if file.exists() else []
    records.write(file, merged([head, *rows], old, unfinished))
    if found := fastest(rows):
        winners.write(winners.path(gpu, configs), gpu, head["versions"], found)


def merged(new: list[Row], old: list[Row], unfinished: str = "") -> list[Row]:
    """Of each case the rows of the later run, unless the earlier one came further.

    Each run is told of by the row before those that are left of it.
    """
    kept, fresh = _timed(old), _timed(new)
    partial = {row["case"] for row in new if row.get("late")} | {unfinished}
    wins = {
        case
        for case, times in fresh.items()
        if case not in kept or times >= kept[case] or (times and case not in partial)
    }
    first = [row for row in old if row["kind"] == "run" or row["case"] not in wins]
    second = [row for row in new if row["kind"] == "run" or row["case"] in wins]
    rows = [*first, *second]
    # A run of which nothing is left is not told of.
    following = [*rows[1:], {"kind": "run"}]
    return [
        row
        for row, after in zip(rows, following, strict=True)
        if row["kind"] != "run" or after["kind"] != "run"
    ]


def _timed(rows: Iterable[Row]) -> dict[str, int]:
    """Rows with a time, by case."""
    found: dict[str, int] = {}
    for row in rows:
        if row["kind"] != "run":
            found[row["case"]] = found.get(row["case"], 0) + ("median_us" in row)
    return found


def fastest(rows: Iterable[Row]) -> list[Winner]:
    """The best tiling of each product; two patterns of zeros may be the same product."""
    best: dict[Shape, Winner] = {}
    for row in rows:
        if row["kind"] == "timing" and "product" in row:
            shape = Shape(**row["product"])
            choice = tuple(row["tiling"][name] for name in CHOICES)
            if shape not in best or row["median_us"] < best[shape].us:
                best[shape] = Winner(shape, choice, row["median_us"])
    return list(best.values())
