"""Accuracy difference to the parent: a distribution a row, a ratio a column."""

from sparseprune.report import words
from sparseprune.report.facts import CLEAN, Facts, Network
from sparseprune.report.tables import Cell, Column, Table, cells

# Percentage points at which a cell's tint deepens; the first is replaced by the run's own margin.
_DEEPER = (3.0, 10.0)


def tables(facts: Facts) -> list[Table]:
    """One table a method."""
    found = []
    for index, method in enumerate(facts.methods):
        networks = [n for n in facts.of_method(method) if _evaluated(facts, n)]
        if networks and facts.parent:
            found.append(_table(facts, index, method, networks))
    return found


def _evaluated(facts: Facts, network: Network) -> bool:
    return any(facts.change(network, d) is not None for d in facts.distributions)


def _table(facts: Facts, index: int, method: str, networks: list[Network]) -> Table:
    return Table(
        name=f"change-{index}",
        caption=f"{words.method(method)}: {facts.quality} minus the parent’s, pp",
        columns=[
            Column("Pictures", number=False),
            Column("Parent", unit="%"),
            *(Column(words.percent(n.ratio)) for n in networks),
        ],
        rows=[
            cells(
                Cell(words.distribution(d), tone="strong" if d == CLEAN else ""),
                words.accuracy(facts.accuracy(facts.parent, d)),
                *(_cell(facts, n, d) for n in networks),
            )
            for d in facts.distributions
        ],
    )


def _cell(facts: Facts, network: Network, distribution: str) -> Cell:
    change, holds = facts.change(network, distribution), facts.holds(network, distribution)
    if change is None or holds is None:
        return Cell(words.MISSING, title="not evaluated")
    mark = "" if holds else "▼" + words.SPACE
    verdict = "holds" if holds else "breaks the margin"
    title = f"{words.distribution(distribution)} at {network.label}: {verdict}"
    return Cell(mark + words.points(change), tone=_tone(change, facts.delta, holds), title=title)


def _tone(change: float, delta: float, holds: bool) -> str:
    size = 1 + sum(abs(100 * change) >= step for step in _DEEPER)
    if not holds:
        return f"worse{size}"
    return f"better{size}" if change > delta else "same"
