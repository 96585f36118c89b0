"""Similarity to the parent in numbers, beside the separate network."""

from sparseprune.report.facts import Facts
from sparseprune.report.similarity import groups, measures
from sparseprune.report.tables import Cell, Column, Table, cells


def table(facts: Facts) -> Table | None:
    """A row a network that was compared with the parent."""
    pairs = [(m, title, names) for m in measures(facts) for title, names in groups(facts)]
    others = [n for n in facts.networks if n.role != "parent"]
    rows = []
    for network in others:
        values = [measure.mean(network, names) for measure, _, names in pairs]
        if any(v is not None for v in values):
            tone = "strong" if network.role == "separate" else ""
            texts = [m.text(v) for (m, _, _), v in zip(pairs, values, strict=True)]
            rows.append(cells(Cell(network.label, tone=tone), *texts))
    if not rows:
        return None
    columns = [Column("Network", number=False)]
    columns += [Column(f"{m.title}, {title}") for m, title, _ in pairs]
    return Table("similarity-table", "Similarity to the parent", columns, rows)
