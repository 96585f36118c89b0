"""The recommended ratio of each method, and what binds."""

from sparseprune.report import words
from sparseprune.report.facts import Facts
from sparseprune.report.recommendation import Advice, recommendations
from sparseprune.report.tables import Cell, Column, Fold, Table, cells
from sparseprune.report.tables.latency import speed

_COLUMNS = [
    Column("Method", number=False),
    Column("Recommended ratio"),
    Column("Speed-up"),
    Column("Clean alone would allow"),
    Column("Next ratio tested"),
    Column("What breaks there (pp)", number=False),
]


def table(facts: Facts) -> Table | None:
    """A row a method."""
    rows = [_row(facts, advice) for advice in recommendations(facts)]
    if not rows:
        return None
    return Table("recommendation-table", "When every listed distribution must hold", _COLUMNS, rows)


def _row(facts: Facts, advice: Advice) -> list[Cell]:
    following = advice.following
    return cells(
        Cell(words.method(advice.method), tone="strong"),
        Cell(words.percent(advice.ratio), tone="strong")
        if advice.network
        else Cell("none", tone="bad"),
        speed(facts, advice.network) if advice.network else words.MISSING,
        words.percent(advice.clean),
        words.percent(following.ratio) if following else "end of the grid",
        Cell(_binding(advice), tone="wide"),
    )


def _binding(advice: Advice) -> str:
    if not advice.following:
        return "nothing broke: higher ratios were not tested"
    shown = [f"{words.distribution(d)} {words.points(c)}" for d, c in advice.broken[:4]]
    rest = len(advice.broken) - len(shown)
    return ", ".join(shown) + (f" and {words.count(rest)} more" if rest else "") or words.MISSING


def folds(facts: Facts) -> list[Fold]:
    """All distributions that break at the next ratio, for each method where some do."""
    columns = [Column("Pictures", number=False), Column("Change", unit="pp")]
    return [
        Fold(
            f"{a.method}: all {len(a.broken)} that break at {words.percent(a.following.ratio)}",
            [
                Table(
                    f"binding-{index}",
                    f"{a.method}: what breaks at {words.percent(a.following.ratio)}",
                    columns,
                    [cells(words.distribution(d), words.points(c)) for d, c in a.broken],
                )
            ],
        )
        for index, a in enumerate(recommendations(facts))
        if a.following and len(a.broken) > 4
    ]
