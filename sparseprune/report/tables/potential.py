"""Average and least prune potential of a method (paper section 1.6)."""

from sparseprune.records import Row, select
from sparseprune.report import words
from sparseprune.report.facts import CLEAN, Facts
from sparseprune.report.figures.potential import rows_of, text
from sparseprune.report.tables import Cell, Column, Table, cells


def table(facts: Facts) -> Table | None:
    """A row a method: clean, then mean and least over what was trained on, and over the shifts.

    What was trained on has columns of its own only after robust training; else it is clean alone.
    """
    methods = [method for method in facts.methods if rows_of(facts, method)]
    if not methods:
        return None
    robust = any(
        len(_overall(facts, method, "train").get("distributions", ())) > 1 for method in methods
    )
    columns = [Column("Method", number=False), Column("Clean")]
    if robust:
        columns += [Column("Mean of trained on"), Column("Least of trained on")]
    columns += [
        Column("Mean of shifts"),
        Column("Least of shifts"),
        Column("Where least", number=False),
    ]
    rows = [_row(facts, method, robust) for method in methods]
    return Table("potential-summary", "Prune potential in short", columns, rows)


def _row(facts: Facts, method: str, robust: bool) -> list[Cell]:
    clean = facts.potential(method, CLEAN)
    trained, shifted = (_overall(facts, method, name) for name in ("train", "test"))
    least = facts.potential(method, words.text(shifted.get("where_least")))
    middle = [words.percent(trained.get(key)) for key in ("mean", "least")] if robust else []
    return cells(
        Cell(words.method(method), tone="strong"),
        text(clean) if clean else words.MISSING,
        *middle,
        words.percent(shifted.get("mean")),
        text(least) if least else words.MISSING,
        words.distribution(str(least["distribution"])) if least else words.MISSING,
    )


def _overall(facts: Facts, method: str, name: str) -> Row:
    """The row of a set of distributions, the accelerated runner's if there are several."""
    found = select(facts.rows, "overall_potential", method=method, set=name)
    found.sort(key=lambda row: row.get("runner") == "accelerated")
    return found[-1] if found else {}
