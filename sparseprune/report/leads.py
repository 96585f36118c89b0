"""The first sentence of each section: what its figures show for this run."""

from sparseprune.records import Row
from sparseprune.report import words
from sparseprune.report.answer import loss_sentence
from sparseprune.report.facts import CLEAN, Facts, Network, known
from sparseprune.report.figures.frontier import frontier, points
from sparseprune.report.figures.potential import rows_of
from sparseprune.report.hidden_loss import Verdict
from sparseprune.report.recommendation import recommendations
from sparseprune.report.similarity import groups, measures
from sparseprune.report.tables.networks import parity


def accuracy(facts: Facts) -> str:
    """The parent's level, and the hardest hit at each method's highest ratio."""
    clean, mean, worst = (
        facts.accuracy(facts.parent, CLEAN),
        facts.mean(facts.parent, facts.shifts),
        facts.worst(facts.parent),
    )
    text = f"The dense parent is right on {words.percent(clean)} of the clean pictures"
    if mean is not None and worst:
        text += (
            f", on {words.percent(mean)} of the shifted ones on average, and on "
            f"{words.percent(worst[1])} in the worst case ({words.inline(worst[0])})"
        )
    hits = [s for m in facts.methods if (s := _hardest(facts, m))]
    return ". ".join([text, *hits]) + "."


def _hardest(facts: Facts, method: str) -> str:
    networks = known(facts.of_method(method), lambda n: facts.change(n, CLEAN))
    if not networks:
        return ""
    network, clean = networks[-1]
    changes = [(c, d) for d in facts.shifts if (c := facts.change(network, d)) is not None]
    if not changes:
        return f"{network.label} changes that by {words.points(clean, 1)} points"
    change, name = min(changes)
    return (
        f"{network.label} changes the clean accuracy by {words.points(clean, 1)} points and "
        f"{words.inline(name)} by {words.points(change, 1)}"
    )


def potential(facts: Facts) -> str:
    """Clean against the least over the shifts."""
    sentences = []
    for method in facts.methods:
        rows = rows_of(facts, method)
        clean = next((r["potential"] for r in rows if r["distribution"] == CLEAN), None)
        shifted = [r for r in rows if r["distribution"] != CLEAN]
        if clean is None or not shifted:
            continue
        lower = sum(r["potential"] < clean for r in shifted)
        least = min(float(r["potential"]) for r in shifted)
        sentences.append(
            f"{method} keeps its accuracy up to {words.percent(clean)} on clean pictures, less on "
            f"{lower} of {words.plural(len(shifted), 'shift')}, and down to "
            f"{words.percent(least)} on {_where(shifted, least)}."
        )
    return " ".join(sentences)


def _where(rows: list[Row], potential: float) -> str:
    """Names of up to three distributions with that potential, and how many more there are."""
    names = [words.inline(str(r["distribution"])) for r in rows if r["potential"] == potential]
    rest = len(names) - 3
    return words.listing(names if rest <= 0 else [*names[:3], f"{rest} more"])


def speed(facts: Facts) -> str:
    """The fastest, and everything that is slower than dense."""
    timed = known(facts.pruned, lambda n: facts.latency(n, "speedup"))
    if not timed:
        return "The latencies were taken, but without a speed-up over the dense parent."
    best, speedup = max(timed, key=lambda pair: pair[1])
    text = f"The fastest network is {best.label} at {words.times(speedup)}."
    slow = [n.label for n, _ in timed if facts.pace(n) == "slower"]
    if not slow:
        return text + " None is measurably slower than the dense parent."
    return f"{text} Slower than the dense parent: {words.listing(slow)}."


def frontier_of(facts: Facts) -> str:
    """Who is not beaten on both axes."""
    found = points(facts, lambda n: facts.mean(n, facts.shifts))
    names = words.listing([n.phrase for _, _, n in frontier(found)])
    return f"No other network is both faster and more accurate on shifted pictures than {names}."


def hidden_loss(verdicts: list[Verdict]) -> str:
    """How many passed."""
    passed = sum(v.passed is True for v in verdicts)
    text = f"{passed} of {words.plural(len(verdicts), 'network')} passed."
    return f"{text} {loss_sentence(verdicts)}"


def similarity(facts: Facts) -> str:
    """Up to where the pruned networks are nearer to the parent than the separate one."""
    agreement, clean = measures(facts)[0], dict(groups(facts)).get("clean pictures", [])
    baseline = agreement.mean(facts.separate, clean) if facts.separate else None
    if baseline is None:
        return "There is no separate network to compare with."
    nearer = [n for n, v in known(facts.pruned, lambda n: agreement.mean(n, clean)) if v > baseline]
    start = (
        f"A separate network, trained alike from another seed, gives the parent’s label on "
        f"{words.percent(baseline)} of the clean pictures."
    )
    return f"{start} {_nearest(facts, nearer)}"


def _nearest(facts: Facts, nearer: list[Network]) -> str:
    ends = {n.method: n for n in nearer}
    if not ends:
        return "No pruned network agrees with the parent more than that."
    names = words.listing(
        [f"{m} up to {words.percent(ends[m].ratio)}" for m in facts.methods if m in ends]
    )
    return f"Pruned networks agree with it more than that: {names}."


def recommendation(facts: Facts) -> str:
    """One sentence a method."""
    texts = []
    for advice in recommendations(facts):
        if advice.network is None:
            texts.append(f"{advice.method}: no tested ratio holds everywhere.")
        else:
            texts.append(f"{advice.method}: prune {words.percent(advice.ratio)}.")
    return " ".join(texts)


def networks(facts: Facts) -> str:
    """How many there are, and whether every export was found equal to its source."""
    checked = [c for n in facts.networks if (c := parity(n.row.get("parity"))).tone]
    good = sum(c.tone == "good" for c in checked)
    text = f"{words.plural(len(facts.networks), 'network')} in this run."
    if checked:
        text += (
            f" {good} of {len(checked)} checked exports stay within their computed rounding bound."
        )
    return text
