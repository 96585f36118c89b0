"""What a run found, in the few lines that stay on the terminal."""

from typing import Any

from sparseprune import records
from sparseprune.cli.shell import Outcome
from sparseprune.pipeline.folder import RunFolder
from sparseprune.records import Row, select
from sparseprune.report.answer import ran_dense


def summary(folder: RunFolder) -> Outcome:
    """The recommended network of each method, its speed-up, and the verdicts."""
    rows = records.read_run(folder.root)
    recommended = [
        _recommendation(rows, row) for row in select(rows, "recommendation", runner="accelerated")
    ]
    verdicts = select(rows, "verdict")
    failed = [f"{row['id']}: {row['sentence']}" for row in verdicts if not row["passed"]]
    lines = [
        *(entry["sentence"] for entry in recommended),
        _hidden(verdicts),
        *_ran_dense(rows),
        f"report: {folder.report}",
    ]
    result = {
        "run": str(folder.root),
        "report": str(folder.report),
        "recommended": recommended,
        "verdicts": verdicts,
    }
    return Outcome(result, "\n".join(lines), "; ".join(failed) or None)


def _recommendation(rows: list[Row], row: Row) -> dict[str, Any]:
    method, count = row["method"], len(row["distributions"])
    held = f"all {count} listed distributions" if count > 1 else "the one listed distribution"
    clean = _clean_alone(rows, method)
    if row["id"] is None:
        return {
            "method": method,
            "id": None,
            "sentence": f"{method}: no ratio tried holds on {held}{clean}",
        }
    (timing,) = select(rows, "latency", id=row["id"])
    return {
        "method": method,
        "id": row["id"],
        "ratio": row["ratio"],
        "speedup": [timing[key] for key in ("speedup", "speedup_low", "speedup_high")],
        "sentence": f"{method}: {_pace(row['ratio'], timing)}, on {held}{clean}",
    }


def _clean_alone(rows: list[Row], method: str) -> str:
    """How far one would have gone by test accuracy, the usual way."""
    found = select(rows, "potential", method=method, runner="accelerated", distribution="clean")
    ratio = found[0]["potential"] if found else 0
    if not ratio:
        return ""
    network = select(rows, "network", method=method, ratio=ratio)[0]
    (timing,) = select(rows, "latency", id=network["id"])
    return f"\n    (judged by clean pictures alone: {_pace(ratio, timing)})"


def _pace(ratio: float, timing: Row) -> str:
    return f"{ratio:.0%} of the parameters can go, {timing['speedup']:.2f} times as fast"


def _ran_dense(rows: list[Row]) -> list[str]:
    """Say so where zeros were kept for our provider and it did not use them, and why."""
    reasons = (
        "our provider did not load; see: sparseprune doctor",
        "our provider estimated that no part would run faster; see: sparseprune explain MODEL.onnx",
    )
    return [
        f"NOTHING RAN SPARSE for {', '.join(row['id'] for row in dense)}: {reason}"
        for dense, reason in zip(ran_dense(rows), reasons, strict=True)
        if dense
    ]


def _hidden(verdicts: list[Row]) -> str:
    flipped = sum(row["flipped"] for row in verdicts)
    total = sum(row["total"] for row in verdicts)
    passed = sum(row["passed"] for row in verdicts)
    counts = f"{flipped:,} of {total:,} predictions".replace(",", " ")
    return f"hidden loss: {passed} of {len(verdicts)} networks pass; {counts} changed"
