"""The results pages, from rows: python benchmarks/page.py (writes results/cpu.md and gpu.md).

Every missed goal must have its reason in results/missed.md: which bound stops it, and the
measurement that shows it. A heading "## PATTERN, PATTERN" says which figures its text is about, by
"CASE ZEROS" with * for anything. The page is not complete without, and the exit status then is 1.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path

import goals
import table

from sparseprune import records
from sparseprune.records import Row

RESULTS = Path(__file__).parent / "results"
SOURCES = {"cpu": "cpu*.jsonl", "gpu": "gpu/*/*.jsonl"}


def main() -> None:
    missed = RESULTS / "missed.md"
    reasons = sections(missed.read_text(encoding="utf-8")) if missed.exists() else {}
    silent = []
    for suite, pattern in SOURCES.items():
        files = sorted(RESULTS.glob(pattern), key=_order)
        rows = [row for file in files for row in records.read(file)]
        text = "\n".join(page(rows, reasons, suite)) + "\n"
        if rows:
            (RESULTS / f"{suite}.md").write_text(text, encoding="utf-8")
        silent += [title(row) for row in rows if misses(row) and not reason(row, reasons)]
    if silent:
        sys.exit(f"no reason in {missed} for: {', '.join(silent)}")


def _order(file: Path) -> tuple[str, str]:
    """Folder by folder, "cpu" before "cpu-avx2"."""
    return str(file.parent), file.stem


def page(rows: list[Row], reasons: Mapping[str, str], suite: str = "cpu") -> Iterator[str]:
    """Markdown lines."""
    yield f"# {suite.upper()} benchmarks"
    yield from (
        "",
        "Written by `benchmarks/page.py` from the rows beside it; `../README.md` says how",
    )
    yield "to read them, `../peers.md` what each contestant is."
    for row in rows:
        if row["kind"] == "run":
            yield from ("", f"- {_run(row)}")
    for case, group in groupby((r for r in rows if r["kind"] != "run"), key=_case):
        yield from ("", f"## {case}", "", *_case_table(list(group)))
    yield from _missed([row for row in rows if misses(row)], reasons)


def _missed(rows: list[Row], reasons: Mapping[str, str]) -> Iterator[str]:
    if rows:
        yield from ("", "## What stops the figures that were missed")
    found: dict[str, list[str]] = {}
    for row in rows:
        text = reason(row, reasons) or "Not stated."
        found.setdefault(text, []).append(f"- {title(row)}: {_found(row)}")
    for text, figures in found.items():
        yield from ("", *figures, "", text)


def reason(row: Row, reasons: Mapping[str, str]) -> str | None:
    """The first text whose heading has a pattern that fits the row."""
    name = title(row)
    for heading, text in reasons.items():
        if any(fnmatchcase(name, pattern.strip()) for pattern in heading.split(",")):
            return text
    return None


def sections(text: str) -> dict[str, str]:
    """Texts by their "## " headings."""
    parts = re.split(r"^## +(.+?) *$", text, flags=re.MULTILINE)[1:]
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


def misses(row: Row) -> bool:
    if row["kind"] == "footprint":
        return bool(_over(row))
    return table.verdict(row) == "missed"


def title(row: Row) -> str:
    """What missed.md calls a row."""
    capped = " avx2" if row.get("isa") == "avx2" else ""
    start = " start" if row["kind"] == "footprint" else ""
    return f"{row['case']} {row['zeros']}{capped}{start}"


def _case(row: Row) -> str:
    forced = ", AVX2 forced" if row.get("isa") == "avx2" else ""
    return str(row["case"]) + (f", {row['gpu']}" if "gpu" in row else forced)


def _case_table(rows: list[Row]) -> Iterator[str]:
    if rows[0]["kind"] == "ceiling":
        yield from (f"- {row['peer']}: {table.ceiling(row)}" for row in rows)
        return
    if rows[0]["kind"] == "footprint":
        yield "| in a fresh process | load, ms | first call, ms | memory, MiB |"
        yield "|---|---|---|---|"
        for row in rows:
            memory = row["memory_bytes"]
            size = "unknown" if memory is None else f"{memory / 2**20:.0f}"
            yield f"| {table.who(row)} | {row['load_ms']:.0f} | {row['first_ms']:.0f} | {size} |"
        return
    noise = next((row.get("noise") for row in rows if row["kind"] == "timing"), 0)
    found = "unknown" if noise is None else f"{100 * noise:.1f} %"
    yield f"Noise of the base against itself: {found}."
    yield ""
    unit, _ = table.unit(rows[0])
    yield f"| contestant | {unit} | over {rows[0]['base']} | 95 % interval | goal | |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        yield f"| {' | '.join(_cells(row))} |"


def _cells(row: Row) -> Iterable[str]:
    if row["kind"] == "missing":
        return (table.who(row), "", "", "", "", row["reason"])
    interval = f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f}" if "ratio_low" in row else ""
    goal = "" if row["goal"] is None else f"{row['goal']:g}"
    notes = [table.verdict(row) or "", "" if row.get("quiet", True) else "machine not quiet"]
    times = f"{row['median_us'] / table.unit(row)[1]:.3f}", table.ratio(row)
    return (table.who(row), *times, interval, goal, ", ".join(filter(None, notes)))


def _run(row: Row) -> str:
    if row.get("suite") == "gpu":
        return _gpu_run(row)
    machine, versions = row["machine"], row["versions"]
    shown = ("sparseprune", "onnxruntime", "openvino", "torch", "scipy", "numpy")
    found = ", ".join(f"{name} {versions[name]}" for name in shown if versions.get(name))
    isa = "AVX2 forced" if row["isa"] == "avx2" else f"{machine['instruction_sets'][0]}"
    return f"{isa}, threads: {row['threads']}; {machine['cpu']}, {machine['system']}; {found}"


def _gpu_run(row: Row) -> str:
    shown = ("sparseprune", "torch", "triton", "cuda", "cudnn", "cusparselt")
    versions = row["versions"]
    found = ", ".join(f"{name} {versions[name]}" for name in shown if versions.get(name))
    return f"{row['part']}: {row['gpu']}, compute capability {row['capability']}; {found}"


def _found(row: Row) -> str:
    if row["kind"] == "footprint":
        return _over(row)
    return f"{row['ratio']:.2f} of {row['goal']:g}"


def _over(row: Row) -> str:
    """How a sparse ResNet-50 starts slower, or any grows larger, than it should; "" if neither."""
    if row["peer"] != "sparseprune":
        return ""
    ready = row["load_ms"] + row["first_ms"]
    if row["case"] == "resnet50-224" and ready > goals.READY_MS:
        return f"ready after {ready:.0f} ms of {goals.READY_MS:.0f}"
    dense, own = row.get("dense_bytes"), row["memory_bytes"]
    if dense and own and own > goals.MEMORY * dense:
        return f"{own / 2**20:.0f} MiB, dense {dense / 2**20:.0f} MiB"
    return ""


if __name__ == "__main__":
    main()
