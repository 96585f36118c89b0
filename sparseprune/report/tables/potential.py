"""Average and minimum prune potential of a method (paper section 1.6)."""

from statistics import fmean

from sparseprune.report import words
from sparseprune.report.facts import CLEAN, Facts
from sparseprune.report.figures.potential import rows_of, text
from sparseprune.report.tables import Cell, Column, Table, cells


def table(facts: Facts) -> Table | None:
    """A row a method: clean, mean over the shifts, least over the shifts."""
    rows = []
    for method in facts.methods:
        found = rows_of(facts, method)
        clean = next((r for r in found if r["distribution"] == CLEAN), None)
        shifted = [r for r in found if r["distribution"] != CLEAN]
        if not found:
            continue
        least = min(shifted, key=lambda r: r["potential"], default=None)
        rows.append(
            cells(
                Cell(words.method(method), tone="strong"),
                text(clean) if clean else words.MISSING,
                words.percent(fmean(r["potential"] for r in shifted)) if shifted else words.MISSING,
                text(least) if least else words.MISSING,
                words.distribution(str(least["distribution"])) if least else words.MISSING,
            )
        )
    if not rows:
        return None
    columns = [
        Column("Method", number=False),
        Column("Clean"),
        Column("Mean of shifts"),
        Column("Least of shifts"),
        Column("Where least", number=False),
    ]
    return Table("potential-summary", "Prune potential in short", columns, rows)
