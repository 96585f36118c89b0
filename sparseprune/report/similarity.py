"""Label agreement and softmax distance to the parent, averaged over groups of distributions."""

from dataclasses import dataclass
from statistics import fmean
from typing import Any

from sparseprune.records import Row
from sparseprune.report import words
from sparseprune.report.facts import CLEAN, NOISE, Facts, Network, fraction


@dataclass(frozen=True)
class Measure:
    """One way to compare a network's answers with the parent's.

    Attributes:
        same: the value of a network that answers exactly like the parent.
        scale: factor for the figure's axis (100 for per cent).
    """

    facts: Facts
    field: str
    title: str
    axis: str
    same: float
    scale: float

    def value(self, row: Row) -> float | None:
        """The measure from one evaluation row; counts become fractions."""
        found: Any = row.get(self.field)
        if isinstance(found, int) and self.field == "agreement":
            return fraction(found, row.get("total"))
        return words.number(found)

    def mean(self, network: Network | None, distributions: list[str]) -> float | None:
        """Mean over ``distributions``; None if the network lacks one."""
        values = [self.value(self.facts.evaluation(network, d) or {}) for d in distributions]
        known = [v for v in values if v is not None]
        return fmean(known) if known and len(known) == len(values) else None

    def text(self, value: float | None) -> str:
        """The value as tables and tips show it."""
        return words.percent(value) if self.scale == 100 else words.decimal(value, 3)


def measures(facts: Facts) -> list[Measure]:
    """Both measures, in the order of the page."""
    return [
        Measure(facts, "agreement", "Label agreement", "same label (%)", same=1, scale=100),
        Measure(facts, "softmax_distance", "Softmax distance", "distance", same=0, scale=1),
    ]


def groups(facts: Facts) -> list[tuple[str, list[str]]]:
    """The kinds of pictures that similarity is reported on."""
    found = [
        ("clean pictures", [d for d in facts.distributions if d == CLEAN]),
        ("mean of corruptions", facts.corruptions),
        ("uniform noise", [d for d in facts.distributions if d == NOISE]),
    ]
    return [(title, names) for title, names in found if names]
