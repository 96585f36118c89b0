"""Which ratio to use when every listed shift must hold, and what stops the next one."""

from dataclasses import dataclass

from sparseprune.report import words
from sparseprune.report.facts import CLEAN, Facts, Network


@dataclass(frozen=True)
class Advice:
    """One method's recommendation.

    Attributes:
        network: the recommended network; None when no tested ratio holds everywhere.
        ratio: its achieved ratio, 0 when none holds.
        listed: the distributions that had to hold.
        following: the next network of the grid, None at the end of it.
        broken: distributions of ``listed`` that break there, worst first, with the change.
        clean: the prune potential on the clean pictures, for contrast.
        clean_network: the network of that ratio.
    """

    method: str
    network: Network | None
    ratio: float
    listed: list[str]
    following: Network | None
    broken: list[tuple[str, float]]
    clean: float | None
    clean_network: Network | None


def recommendations(facts: Facts) -> list[Advice]:
    """One a method with a recommendation row."""
    return [a for a in (_advice(facts, method) for method in facts.methods) if a]


def _advice(facts: Facts, method: str) -> Advice | None:
    row = facts.recommendation(method)
    if row is None:
        return None
    network = facts.by_id.get(str(row.get("id"))) if row.get("id") is not None else None
    ratio = words.number(row.get("ratio")) or (network.ratio if network else 0) or 0.0
    names = row.get("distributions")
    listed = [str(n) for n in names] if isinstance(names, list) else facts.distributions
    following = next((n for n in facts.of_method(method) if (n.ratio or 0) > ratio + 1e-12), None)
    clean = words.number((facts.potential(method, CLEAN) or {}).get("potential"))
    return Advice(
        method=method,
        network=network,
        ratio=ratio,
        listed=listed,
        following=following,
        broken=_broken(facts, following, listed),
        clean=clean,
        clean_network=next((n for n in facts.of_method(method) if n.ratio == clean), None),
    )


def _broken(facts: Facts, network: Network | None, listed: list[str]) -> list[tuple[str, float]]:
    if network is None:
        return []
    changes = [(d, facts.change(network, d)) for d in listed if facts.holds(network, d) is False]
    return sorted(((d, c) for d, c in changes if c is not None), key=lambda pair: pair[1])
