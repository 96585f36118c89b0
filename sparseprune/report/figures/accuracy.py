"""Accuracy against prune ratio: one panel a method, one line a distribution."""

from matplotlib.axes import Axes

from sparseprune.report import words
from sparseprune.report.facts import CLEAN, Facts, Network, known
from sparseprune.report.figures import axis, labels
from sparseprune.report.figures.svg import Frame, Picture, Tips, picture
from sparseprune.report.figures.theme import INK, MUTED, PAGE, THIN, style


def pictures(facts: Facts) -> list[Picture]:
    """One panel a method that has evaluated networks; all share the accuracy axis."""
    values = [
        100 * a
        for n in facts.networks
        for d in facts.distributions
        if (a := facts.accuracy(n, d)) is not None
    ]
    if not values:
        return []
    methods = [m for m in facts.methods if known(facts.of_method(m), lambda n: _any(facts, n))]
    low, high = axis.limits(values)
    return [
        picture(
            f"accuracy-{facts.methods.index(method)}",
            words.method(method),
            _describe(facts, method),
            lambda axes, tips, method=method: _draw(axes, tips, facts, method, (low, high)),  # type: ignore[misc]
            Frame(right=112, height=330),
        )
        for method in methods
    ]


def _any(facts: Facts, network: Network) -> float | None:
    return next(
        (a for d in facts.distributions if (a := facts.accuracy(network, d)) is not None), None
    )


def _draw(axes: Axes, tips: Tips, facts: Facts, method: str, ylim: tuple[float, float]) -> None:
    networks = ([facts.parent] if facts.parent else []) + facts.of_method(method)
    axis.ratio(axes)
    axes.set_ylim(*ylim)
    axes.set_ylabel(f"{facts.quality} (%)")
    for shift in facts.shifts:
        xs, ys = _series([(n, facts.accuracy(n, shift)) for n in networks])
        (line,) = axes.plot(xs, ys, color=THIN, linewidth=0.9, alpha=0.75)
        tips(line, words.distribution(shift))
    colour = style(facts.methods, method).colour
    ends = []
    for text, curve, marker, dash in _summaries(facts, networks):
        xs, ys = _series(curve)
        if not xs:
            continue
        if xs[0] == 0:
            axes.axhline(ys[0], color=MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
        axes.plot(xs, ys, color=colour, marker=marker, linestyle=dash, markeredgecolor=PAGE)
        if xs[0] == 0:
            axes.plot(0, ys[0], color=INK, marker="*", markersize=11, markeredgecolor=PAGE)
        ends.append((xs[-1], ys[-1], text, colour))
    labels.at_ends(axes, ends)


def _summaries(
    facts: Facts, networks: list[Network]
) -> list[tuple[str, list[tuple[Network, float | None]], str, str]]:
    worst = [(n, found[1] if (found := facts.worst(n)) else None) for n in networks]
    return [
        ("clean", [(n, facts.accuracy(n, CLEAN)) for n in networks], "o", "-"),
        ("mean of shifts", [(n, facts.mean(n, facts.shifts)) for n in networks], "s", "--"),
        ("worst shift", worst, "v", ":"),
    ]


def _series(pairs: list[tuple[Network, float | None]]) -> tuple[list[float], list[float]]:
    """Percentages along both axes; the parent stands at ratio 0."""
    points = [
        (0.0 if n.role == "parent" else 100 * (n.ratio or 0), 100 * a)
        for n, a in pairs
        if a is not None
    ]
    return [x for x, _ in points], [y for _, y in points]


def _describe(facts: Facts, method: str) -> str:
    parts = [
        f"Line chart of {facts.quality} in per cent against the share of parameters removed, "
        f"{method}."
    ]
    networks = ([facts.parent] if facts.parent else []) + facts.of_method(method)
    for network, clean in known(networks, lambda n: facts.accuracy(n, CLEAN)):
        mean = facts.mean(network, facts.shifts)
        parts.append(
            f"{network.label}: clean {words.percent(clean)}, mean of shifts {words.percent(mean)}."
        )
    return " ".join(parts)
