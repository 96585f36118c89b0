"""What noise of many widths did to the networks, where the run asked (paper 1.8)."""

from collections.abc import Sequence

from sparseprune.records import Row, select
from sparseprune.report import words
from sparseprune.report.facts import Facts, Network

# Of the networks of a method those are drawn whose ratios are nearest to the study's.
_SHOWN = (0.15, 0.46, 0.69, 0.80, 0.95)


def potentials(facts: Facts, method: str) -> list[Row]:
    """``noise_potential`` rows of a method, by rising width."""
    return _rising(select(facts.rows, "noise_potential", method=method))


def measured(facts: Facts, network: Network) -> list[Row]:
    """``noise`` rows of a network, by rising width."""
    return _rising(select(facts.rows, "noise", id=network.id))


def shown(facts: Facts, method: str) -> list[Network]:
    """The networks of a method to draw, by rising ratio."""
    known = [n for n in facts.of_method(method) if measured(facts, n)]
    near = {min(known, key=lambda n: abs((n.ratio or 0) - it)).id for it in _SHOWN if known}
    return [n for n in known if n.id in near]


def lead(facts: Facts) -> str:
    """How far each method can prune without noise, and under the widest."""
    texts = []
    for method in facts.methods:
        if rows := potentials(facts, method):
            first, last = (words.percent(row["potential"]) for row in (rows[0], rows[-1]))
            texts.append(
                f"The prune potential of {method} goes from {first} at ±{rows[0]['width']:g} to "
                f"{last} at ±{rows[-1]['width']:g}."
            )
    return " ".join(texts)


def _rising(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: float(row["width"]))
