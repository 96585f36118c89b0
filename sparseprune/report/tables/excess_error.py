"""Excess error: what pruning costs on corruptions beyond clean (paper section 1.7)."""

from sparseprune.records import Row, select
from sparseprune.report import words
from sparseprune.report.facts import Facts, Network
from sparseprune.report.tables import Cell, Column, Fold, Table, cells


def fold(facts: Facts) -> Fold | None:
    """A row a pruned network, for those who ask."""
    rows = [cells(n.label, Cell(words.points(r["value"]))) for n, r in _found(facts)]
    if not rows:
        return None
    title = "What pruning costs on corrupted pictures beyond what it costs on clean ones"
    columns = [Column("Network", number=False), Column("Difference in excess error", unit="pp")]
    note = "Zero: the same everywhere. Above zero: corrupted pictures pay more than clean ones."
    table = Table("excess-error", "Difference in excess error", columns, rows, note)
    return Fold(title, [table, *_slopes(facts)])


def _slopes(facts: Facts) -> list[Table]:
    """A row a method: the study's line through the origin, at a ratio of 100 %."""
    found = select(facts.rows, "excess_slope")
    found.sort(key=lambda row: row.get("runner") == "accelerated")
    latest = {words.text(row.get("method")): row for row in found}
    rows = [
        cells(words.method(name), words.points(row.get("value")), words.count(row.get("networks")))
        for name, row in latest.items()
    ]
    columns = [
        Column("Method", number=False),
        Column("Difference at 100 %", unit="pp"),
        Column("Networks"),
    ]
    note = "Least squares through the origin: no pruning, no difference."
    return [Table("excess-slope", "Its rise with the prune ratio", columns, rows, note)] * bool(
        rows
    )


def _found(facts: Facts) -> list[tuple[Network, Row]]:
    rows = [
        r for r in select(facts.rows, "excess_error") if words.number(r.get("value")) is not None
    ]
    rows.sort(key=lambda r: r.get("runner") == "accelerated")
    latest = {str(r.get("id")): r for r in rows}
    return [(n, latest[n.id]) for n in facts.pruned if n.id in latest]
