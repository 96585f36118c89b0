"""The hidden-loss table, and its details by distribution."""

from sparseprune.records import Row
from sparseprune.report import words
from sparseprune.report.hidden_loss import Verdict
from sparseprune.report.tables import Cell, Column, Fold, Table, cells

_COLUMNS = [
    Column("Network", number=False),
    Column("Check", number=False),
    Column("Verdict", number=False),
    Column("Compared"),
    Column("Changed"),
    Column("Not near ties"),
    Column("Accuracy difference", unit="pp"),
    Column("95 % interval", unit="pp"),
    Column("Most changed on", number=False),
]
_DETAIL = [
    Column("Pictures", number=False),
    Column("Compared"),
    Column("Changed"),
    Column("Right → wrong"),
    Column("Wrong → right"),
    Column("Difference", unit="pp"),
    Column("95 % interval", unit="pp"),
    Column("Largest logit difference"),
]


def table(verdicts: list[Verdict]) -> Table | None:
    """A row an artefact."""
    if not verdicts:
        return None
    rows = [_row(v) for v in verdicts]
    return Table("hidden-loss-table", "Accelerated network against its masked twin", _COLUMNS, rows)


def _row(verdict: Verdict) -> list[Cell]:
    worst = verdict.worst
    where = words.MISSING
    if worst:
        where = (
            f"{words.distribution(str(worst['distribution']))} ({words.count(worst['flipped'])})"
        )
    return cells(
        Cell(verdict.network.label, title=verdict.network.id),
        check(verdict.passed),
        Cell(verdict.sentence, tone="wide"),
        words.count(verdict.total),
        words.count(verdict.flipped),
        Cell(words.count(verdict.unexplained), tone="bad" if verdict.unexplained else ""),
        words.points(verdict.difference, 3),
        words.between(words.points(verdict.low, 3), words.points(verdict.high, 3)),
        where,
    )


def check(passed: bool | None) -> Cell:
    """A judgement in a mark and a word."""
    if passed is None:
        return Cell("… pending")
    return Cell("✓ pass", tone="good") if passed else Cell("✕ FAIL", tone="bad")


def folds(verdicts: list[Verdict]) -> list[Fold]:
    """Each artefact's rows by distribution."""
    return [
        Fold(
            f"{v.network.label}: by distribution",
            [
                Table(
                    f"hidden-loss-{index}",
                    f"Hidden loss of {v.network.label} by distribution",
                    _DETAIL,
                    [_detail(row) for row in v.rows],
                )
            ],
        )
        for index, v in enumerate(verdicts)
        if v.rows
    ]


def _detail(row: Row) -> list[Cell]:
    flipped = words.number(row.get("flipped"))
    return cells(
        words.distribution(str(row.get("distribution"))),
        words.count(row.get("total")),
        Cell(words.count(flipped), tone="strong" if flipped else ""),
        words.count(row.get("lost")),
        words.count(row.get("gained")),
        words.points(row.get("difference"), 3),
        words.between(words.points(row.get("low"), 3), words.points(row.get("high"), 3)),
        words.significant(row.get("max_abs")),
    )
