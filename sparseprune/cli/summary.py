"""What a run found, in the few lines that stay on the terminal."""

from typing import Any

from sparseprune import records
from sparseprune.cli.shell import Outcome
from sparseprune.pipeline.folder import RunFolder
from sparseprune.records import Row, select


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
    if row["id"] is None:
        sentence = f"{method}: no ratio tried holds on all {count} distributions"
        return {"method": method, "id": None, "sentence": sentence}
    (timing,) = select(rows, "latency", id=row["id"])
    sentence = (
        f"{method}: {row['ratio']:.0%} of the parameters can go on all {count} distributions, "
        f"{timing['speedup']:.2f} times as fast as dense"
    )
    speedup = {key: timing[key] for key in ("speedup", "speedup_low", "speedup_high")}
    return {
        "method": method,
        "id": row["id"],
        "ratio": row["ratio"],
        **speedup,
        "sentence": sentence,
    }


def _hidden(verdicts: list[Row]) -> str:
    flipped = sum(row["flipped"] for row in verdicts)
    total = sum(row["total"] for row in verdicts)
    passed = sum(row["passed"] for row in verdicts)
    counts = f"{flipped:,} of {total:,} predictions".replace(",", " ")
    return f"hidden loss: {passed} of {len(verdicts)} networks pass; {counts} changed"
