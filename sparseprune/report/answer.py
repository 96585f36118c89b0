"""The plain answer at the top of the page, computed from the rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from sparseprune.records import Row, select
from sparseprune.report import words
from sparseprune.report.facts import Facts, Network, Pace
from sparseprune.report.hidden_loss import Verdict, verdict, verdicts
from sparseprune.report.recommendation import Advice, recommendations


@dataclass(frozen=True)
class Fact:
    """One line of a card: a label, a strong word in a tone, and plain text."""

    label: str
    strong: str
    tone: str = ""
    text: str = ""


@dataclass(frozen=True)
class Card:
    """One method's answer."""

    method: str
    ratio: str
    found: bool
    facts: list[Fact]


_PACES: dict[Pace, str] = {
    "faster": "ran faster on this machine",
    "slower": "ran slower on this machine, not faster",
    "same": "ran at about the parent’s speed on this machine",
}


def paragraph(facts: Facts) -> str:
    """What a reader in a hurry should know."""
    found = recommendations(facts)
    if not found:
        return (
            "This run holds no recommendation yet. It appears once the networks are evaluated: "
            "continue with “sparseprune run” and this run’s recipe."
        )
    parts = [_holding(facts, [a for a in found if a.network])]
    parts.append(_failing(facts, [a for a in found if not a.network]))
    parts += [_speed(facts, a.network) for a in found]
    parts.append(loss_sentence(verdicts(facts)))
    parts += _ran_dense(facts)
    return " ".join(p for p in parts if p)


def ran_dense(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Networks whose zeros were kept for our provider but not used by it.

    Those for which it did not load, and those for which it did, and found no part of the network
    that it would run faster.
    """
    dense = select(rows, "network", form="sparse", provider="CPUExecutionProvider")
    return [row for row in dense if not row.get("loaded")], [r for r in dense if r.get("loaded")]


def _ran_dense(facts: Facts) -> list[str]:
    missing, unpaid = ran_dense(facts.rows)
    parts = []
    if missing:
        parts.append(
            f"But {words.plural(len(missing), 'sparse network')} ran dense, because our provider "
            "did not load: their times and checks say nothing about sparse kernels (see "
            "“sparseprune doctor”)."
        )
    if unpaid:
        parts.append(
            f"But {words.plural(len(unpaid), 'sparse network')} ran dense, because our provider "
            "estimated that no part would run faster sparse: their times and checks say nothing "
            "about sparse kernels (see “sparseprune explain”)."
        )
    return parts


def _holding(facts: Facts, found: list[Advice]) -> str:
    """One sentence for all methods that have a ratio."""
    if not found:
        return ""
    shares = [f"{a.method} can remove {words.percent(a.ratio)} of all parameters" for a in found]
    clean = [
        f"{words.percent(a.clean)} by {a.method}"
        for a in found
        if a.clean is not None and a.clean > a.ratio + 1e-12
    ]
    return (
        f"With accuracy within {margin(facts)} of the dense parent on {scope(found[0].listed)}, "
        + words.listing(shares)
        + (f" (clean pictures alone would have allowed {words.listing(clean)})" if clean else "")
        + "."
    )


def _failing(facts: Facts, found: list[Advice]) -> str:
    """One sentence for all methods without a ratio, and one on where each breaks first."""
    if not found:
        return ""
    methods = " or ".join(a.method for a in found)
    where = [_breaks(a) for a in found if a.following]
    clean = [f"{words.percent(a.clean)} by {a.method}{_fast(facts, a)}" for a in found if a.clean]
    return (
        f"No tested ratio of {methods} stays within {margin(facts)} of the dense parent on "
        f"{scope(found[0].listed)}"
        + (f": {words.listing(where)}" if where else "")
        + "."
        + (f" Clean pictures alone would have allowed {words.listing(clean)}." if clean else "")
    )


def _fast(facts: Facts, advice: Advice) -> str:
    """How fast the network is that the clean pictures alone would have chosen."""
    speedup = facts.latency(advice.clean_network, "speedup")
    return f" ({words.times(speedup)} as fast)" if speedup else ""


def _breaks(advice: Advice) -> str:
    assert advice.following is not None
    ratio = words.percent(advice.following.ratio)
    return (
        f"{advice.method} breaks on {len(advice.broken)} of {len(advice.listed)} already at {ratio}"
    )


def margin(facts: Facts) -> str:
    """The margin in words."""
    return f"{100 * facts.delta:g} percentage points"


def scope(listed: list[str]) -> str:
    """The distributions that must hold, counted."""
    shifts = [d for d in listed if d != "clean"]
    if not shifts:
        return "the clean test pictures" if listed else "nothing (no distribution is listed)"
    shifted = words.inline(shifts[0]) if len(shifts) == 1 else f"all {len(shifts)} listed shifts"
    return f"the clean pictures and {shifted}" if "clean" in listed else shifted


def _speed(facts: Facts, network: Network | None) -> str:
    pace = facts.pace(network)
    if network is None or pace is None:
        return ""
    speedup = words.times(facts.latency(network, "speedup")) + _bracket(facts, network)
    return f"{network.label} {_PACES[pace]}: {speedup} as fast as the parent."


def _bracket(facts: Facts, network: Network | None) -> str:
    low, high = (words.times(facts.latency(network, f"speedup_{e}")) for e in ("low", "high"))
    return "" if words.MISSING in (low, high) else f" ({words.between(low, high)})"


def loss_sentence(found: list[Verdict]) -> str:
    """The hidden loss over all artefacts."""
    judged = [v for v in found if v.passed is not None]
    if not judged:
        return "Whether the fast versions lose anything more has not been judged yet."
    failed = [v.network.label for v in judged if not v.passed]
    total, flipped = sum(v.total for v in judged), sum(v.flipped for v in judged)
    changed = f"{words.count(flipped)} of {words.count(total)} predictions changed"
    if failed:
        return (
            f"The check for hidden loss FAILED for {words.listing(failed)}: {changed} over all "
            "networks; do not deploy the files that failed."
        )
    ties = ", all near ties" if flipped else ""
    return (
        f"Making the networks fast cost nothing more: {changed} between the accelerated networks "
        f"and their masked twins{ties}."
    )


def cards(facts: Facts) -> list[Card]:
    """One a method with a recommendation."""
    return [
        Card(
            method=words.method(advice.method),
            ratio=words.percent(advice.ratio) if advice.network else "none",
            found=advice.network is not None,
            facts=_card_facts(facts, advice),
        )
        for advice in recommendations(facts)
    ]


def _card_facts(facts: Facts, advice: Advice) -> list[Fact]:
    clean = Fact(
        "Clean alone", words.percent(advice.clean), text=f"would hold{_fast(facts, advice)}"
    )
    lines = [clean] if advice.clean is not None else []
    if advice.network is None:
        if advice.following:
            ratio = words.percent(advice.following.ratio)
            count = f"{len(advice.broken)} of {len(advice.listed)}"
            lines.append(Fact(f"Breaks at {ratio}", count, "bad", _few(advice)))
        return lines
    return [_speed_fact(facts, advice.network), _loss_fact(facts, advice.network), *lines]


def _few(advice: Advice) -> str:
    return ", ".join(words.distribution(d) for d, _ in advice.broken[:3]) + "…" * (
        len(advice.broken) > 3
    )


def _speed_fact(facts: Facts, network: Network) -> Fact:
    pace = facts.pace(network)
    if pace is None:
        return Fact("Speed-up", "not measured")
    note = {"slower": ", slower than dense", "same": ", no different from dense"}.get(pace, "")
    tone = "bad" if pace == "slower" else ""
    speedup = words.times(facts.latency(network, "speedup"))
    return Fact("Speed-up", speedup, tone, _bracket(facts, network).strip() + note)


def _loss_fact(facts: Facts, network: Network) -> Fact:
    loss = verdict(facts, network)
    if loss is None or loss.passed is None:
        return Fact("Hidden loss", "not judged yet")
    tone, mark = ("good", "✓ pass") if loss.passed else ("bad", "✕ FAIL")
    return Fact("Hidden loss", mark, tone, loss.sentence)
