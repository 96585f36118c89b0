"""Pruned networks against dense ones that cost as much: trained as long, or as small."""

from collections.abc import Iterator

from sparseprune.report import words
from sparseprune.report.facts import CLEAN, Facts, Network
from sparseprune.report.tables import Cell, Column, Table, cells

_COLUMNS = [
    Column("Control", number=False),
    Column("Compared with", number=False),
    Column("Control, clean", unit="%"),
    Column("Pruned minus control", unit="pp"),
    Column("Control, mean of shifts", unit="%"),
    Column("Pruned minus control", unit="pp"),
]


def table(facts: Facts) -> Table | None:
    """A row for each pair of a control and a network that was pruned as far, or as often."""
    rows = [_row(facts, control, pruned) for control, pruned in _pairs(facts)]
    if not rows:
        return None
    note = (
        "Below zero: the parameters would be better spent on a smaller dense network, or the "
        "epochs on the dense parent, than on pruning."
    )
    return Table("controls", "Pruned networks against dense controls", _COLUMNS, rows, note)


def _pairs(facts: Facts) -> Iterator[tuple[Network, Network]]:
    # Extended training follows retrainings; a small network has a size, whoever was pruned to it.
    keys = {"extended": ("cycles",), "small": ("target_ratio", "unit")}
    for control in facts.controls:
        fields = keys.get(control.method, ())
        wanted = [control.row.get(field) for field in fields]
        if not fields or None in wanted:
            continue
        for pruned in facts.pruned:
            if [pruned.row.get(field) for field in fields] == wanted:
                yield control, pruned


def _row(facts: Facts, control: Network, pruned: Network) -> list[Cell]:
    pairs = [
        (facts.accuracy(control, CLEAN), facts.accuracy(pruned, CLEAN)),
        (facts.mean(control, facts.shifts), facts.mean(pruned, facts.shifts)),
    ]
    values = [
        text for dense, sparse in pairs for text in (words.accuracy(dense), _gap(dense, sparse))
    ]
    return cells(Cell(control.label, title=control.id), pruned.label, *values)


def _gap(dense: float | None, sparse: float | None) -> str:
    return words.MISSING if dense is None or sparse is None else words.points(sparse - dense)
