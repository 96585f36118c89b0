"""Parts, one after another: rows of results/gpu, and the tilings that kernels/configs keeps."""

import argparse
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
from sparseprune.errors import GateError, InputError
from sparseprune.kernels import winners
from sparseprune.kernels.winners import CHOICES, Shape, Winner
from sparseprune.records import Row

Show = Callable[[str, str], None]


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
        with torch.inference_mode():
            rows = list(part_rows(part, place, contest, options.only, show))
        print(table.text(rows))
        # Others' wrong answers have rows too, but are no failure of ours.
        wrong += [row for row in rows if row.get("wrong") and row["ours"]]
        if not place.dry and not options.only:
            about = {**head, "part": part, "budget_s": budget.seconds}
            keep([about, *rows], part, results, configs)
    if wrong:
        named = "; ".join(f"{row['case']} {row['peer']} {row['zeros']}" for row in wrong)
        raise GateError(f"wrong answers, of which no time was taken: {named}")


def part_rows(
    part: str, place: Place, contest: Contest, only: Sequence[str], show: Show
) -> Iterable[Row]:
    """Rows of one part, of all its cases or of those in ``only``."""
    if part == CEILINGS:
        show(part, "measuring")
        yield from ceilings(place, contest.clock, contest.gpu)
        return
    for case in PARTS[part](place):
        if not only or case.name in only:
            show(part, case.name)
            yield from contest.rows(case)
            if not place.dry:
                torch.cuda.empty_cache()


def check_selection(only: Sequence[str], parts: Sequence[str], place: Place) -> None:
    """Refuse names of cases that the parts do not have."""
    names = [case.name for part in parts if part in PARTS for case in PARTS[part](place)]
    for name in only:
        if name not in names:
            raise InputError(f"no case {name!r} in these parts; there are: {', '.join(names)}")


def keep(rows: list[Row], part: str, results: Path, configs: Path) -> None:
    """Write a part's rows, and the tilings that were fastest.

    Raises:
        InputError: they were not measured on a GPU.
    """
    head = rows[0]
    if head["dry"] or any(row["kind"] == "checked" for row in rows):
        raise InputError("expected rows measured on a GPU, got those of a dry run")
    gpu = head["gpu"]
    records.write(results / "gpu" / winners.path(gpu).stem / f"{part}.jsonl", rows)
    if found := fastest(rows):
        winners.write(winners.path(gpu, configs), gpu, head["versions"], found)


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
