"""``bench``: ONNX files under the clock."""

import textwrap
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from sparseprune.cli import names
from sparseprune.cli.shell import INTERRUPTED, INTERRUPTION, Debug, Json, Outcome, Shapes, bar, verb
from sparseprune.errors import InputError
from sparseprune.records import Row

# Above this, times read better in milliseconds.
_MILLISECONDS = 10_000
_LEGEND = (
    "speed-up: median over pairs with the first line; items/s: at the median;\n"
    "memory (growth of a fresh process) and size of the file in MiB; load in ms"
)
_LEGEND_OF_FILES = (
    "speed-up: median over pairs with the first line; memory (growth of a fresh\n"
    "process) in MiB; load in ms"
)
# A quiet machine repeats a ratio to a few percent.
_MUCH_NOISE = 0.1
_BUSY = "the noise is large: other work ran here; measure again on an idle machine"


@verb
def bench(
    models: Annotated[list[Path], typer.Argument(help="ONNX files to time.", metavar="MODEL...")],
    baseline: Annotated[
        Path | None,
        typer.Option(help="File every other is compared with [default: each with itself, dense]."),
    ] = None,
    threads: Annotated[str, typer.Option(help="Threads inside a call: 1, or 1,2.")] = "1",
    batch: Annotated[
        str | None, typer.Option(help="Batch where the file leaves it open: 1, or 1,8.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=2, help="Interleaved rounds.")] = 30,
    shape: Shapes = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write the rows here (.jsonl).")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Time an ONNX file in all its forms, or files against a baseline.

    Answers are checked first. Interrupted, it keeps what it has measured.

    sparseprune bench wt90.onnx --batch 1,8 --threads 1,2 --out rows.jsonl

    sparseprune bench wt90.onnx ft50.onnx --baseline parent.onnx
    """
    from sparseprune import environment, records
    from sparseprune.cli import explanation
    from sparseprune.files import check_writable
    from sparseprune.measure import bench as benches

    if out is not None:
        check_writable(out, ".jsonl")
    settings = benches.Settings(
        threads=_numbers("--threads", threads),
        batches=_numbers("--batch", batch) if batch is not None else (None,),
        rounds=rounds,
        shapes=explanation.parse_shapes(shape or []),
    )
    rows: list[Row] = []
    machine = {"machine": environment.machine(), "versions": environment.versions()}
    interrupted = False
    try:
        with bar("bench") as progress:
            for row in benches.bench(models, baseline, settings, progress):
                rows.append(row)
                if out is not None:
                    records.write(out, [{"kind": "machine", **machine}, *rows])
    except KeyboardInterrupt:
        if not rows:
            raise
        interrupted = True
    return Outcome(rows, text(rows), INTERRUPTION if interrupted else None, INTERRUPTED)


def text(rows: list[Row]) -> str:
    """A table for each file, batch and number of threads; then what could not be measured."""
    timed = [row for row in rows if row["kind"] == "latency"]
    parts = []
    for (_, batch, threads), group in groupby(
        timed, key=lambda row: (row["group"], row["batch"], row["threads"])
    ):
        parts.append(_table(list(group), batch, threads))
    if timed:
        parts.append(_LEGEND_OF_FILES if timed[0]["form"] == "file" else _LEGEND)
    parts += [_BUSY] if any(row["noise"] > _MUCH_NOISE for row in timed) else []
    return "\n\n".join([*parts, *(_missing(row) for row in rows if row["kind"] == "missing")])


def _table(rows: list[Row], batch: int, threads: int) -> str:
    """Forms of one file; or files, which need room for their names."""
    from sparseprune.cli.tables import table

    slow = max(row["median_us"] for row in rows) > _MILLISECONDS
    unit, scale = ("ms", 1e-3) if slow else ("µs", 1.0)
    files = rows[0]["form"] == "file"
    lines = [_line(row, scale, files) for row in rows]
    head = [key.format(unit) for key in lines[0]]
    title = "as deployed" if files else names.shown(rows[0]["group"])
    count = f"{threads} thread{'s' if threads > 1 else ''}"
    noise = f"noise ±{rows[0]['noise']:.1%}"
    body = [list(line.values()) for line in lines]
    return f"{title}: batch {batch}, {count}, {noise}\n{table(head, body, tight=True)}"


def _line(row: Row, scale: float, files: bool) -> dict[str, str]:
    """Cells by the head of their column."""
    ratios = [_number(row[key]) for key in ("speedup", "speedup_low", "speedup_high")]
    first = row["id"] == row["baseline"]
    cells = {
        "file" if files else "form": names.shown(row["id" if files else "form"]),
        "median {}": _number(row["median_us"] * scale),
        "p90": _number(row["p90_us"] * scale),
        "p99": "–" if row["p99_us"] is None else _number(row["p99_us"] * scale),
        "items/s": _number(row["items_per_s"]),
        "speed-up (95 %)": "1" if first else f"{ratios[0]} ({ratios[1]}-{ratios[2]})",
        "memory": "–" if row["memory_bytes"] is None else _number(row["memory_bytes"] / 2**20),
        "load": _number(row["load_ms"]),
        "size": _number(row["file_bytes"] / 2**20),
    }
    if files:
        del cells["items/s"], cells["size"]
    return cells


def _number(value: float) -> str:
    """Three digits, or all of a longer whole number."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _missing(row: Row) -> str:
    from sparseprune.cli.tables import WIDTH

    if "form" in row:
        what = row["form"]
    else:
        batch = "" if row["batch"] is None else f", batch {row['batch']}"
        what = f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}{batch}"
    sentence = f"{row['group']}, {what}: not measured: {row['reason']}"
    return "\n".join(textwrap.wrap(names.shown(sentence), WIDTH, break_on_hyphens=False))


def _numbers(option: str, words: str) -> tuple[int, ...]:
    """The numbers of "1,8", each once."""
    try:
        found = tuple(dict.fromkeys(int(word) for word in words.split(",")))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise InputError(f"{option}: expected numbers from 1 on, like 1 or 1,8, got {words!r}")
    return found
