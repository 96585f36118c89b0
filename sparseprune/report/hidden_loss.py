"""The hidden loss of each artefact: what the fast version changed beyond pruning itself."""

import re
from dataclasses import dataclass
from typing import Any

from sparseprune.records import Row, select
from sparseprune.report import words
from sparseprune.report.facts import Facts, Network

# "42 000" in a recorded sentence should not break over two lines.
_THOUSANDS = re.compile(r"(?<=\d) (?=\d{3}\b)")


@dataclass(frozen=True)
class Verdict:
    """Accelerated minus masked twin, over every distribution together.

    Attributes:
        rows: by distribution.
        unexplained: changed labels that rounding cannot explain; None where not recorded.
        passed: as ``evaluate`` judged; None before it has.
    """

    network: Network
    rows: list[Row]
    total: int
    flipped: int
    unexplained: int | None
    difference: float | None
    low: float | None
    high: float | None
    passed: bool | None
    sentence: str

    @property
    def worst(self) -> Row | None:
        """The distribution with the most changed predictions, None if nothing changed."""
        changed = [r for r in self.rows if words.number(r.get("flipped"))]
        return max(changed, key=lambda r: float(r["flipped"]), default=None)


def verdicts(facts: Facts) -> list[Verdict]:
    """One a network that was compared with its masked twin."""
    found = (verdict(facts, network) for network in facts.networks)
    return [v for v in found if v is not None]


def verdict(facts: Facts, network: Network) -> Verdict | None:
    """The judgement that ``evaluate`` recorded, or the bare counts before there is one."""
    rows = [r for r in select(facts.rows, "hidden_loss") if str(r.get("id")) == network.id]
    judged = next(
        (r for r in select(facts.rows, "verdict") if str(r.get("id")) == network.id), None
    )
    if judged is None and not rows:
        return None
    source = _counts(rows) if judged is None else judged
    passed = source.get("passed")
    return Verdict(
        network=network,
        rows=rows,
        total=int(words.number(source.get("total")) or 0),
        flipped=int(words.number(source.get("flipped")) or 0),
        unexplained=_whole(source.get("unexplained")),
        difference=words.number(source.get("difference")),
        low=words.number(source.get("low")),
        high=words.number(source.get("high")),
        passed=passed if isinstance(passed, bool) else None,
        sentence=_THOUSANDS.sub(words.SPACE, words.text(source.get("sentence")))
        or "not judged yet",
    )


def _counts(rows: list[Row]) -> Row:
    fields = ("total", "flipped", "lost", "gained")
    total, flipped, lost, gained = (sum(words.number(r.get(f)) or 0 for r in rows) for f in fields)
    return {
        "total": total,
        "flipped": flipped,
        "difference": (gained - lost) / total if total else None,
        "sentence": f"not judged yet: {words.count(flipped)} of {words.count(total)} changed",
    }


def _whole(value: Any) -> int | None:
    found = words.number(value)
    return None if found is None else int(found)
