"""Similarity to the parent: two measures, each on clean, corrupted and noisy pictures."""

from matplotlib.axes import Axes

from sparseprune.report.facts import Facts, Network, known
from sparseprune.report.figures import axis, labels
from sparseprune.report.figures.svg import Frame, Picture, Tips, picture
from sparseprune.report.figures.theme import INK, PAGE, style
from sparseprune.report.similarity import Measure, groups, measures


def pictures(facts: Facts) -> list[Picture]:
    """A panel for each measure and group of distributions that has values."""
    return [
        picture(
            f"similarity-{row}-{column}",
            f"{measure.title}, {title}",
            _describe(facts, measure, title, distributions),
            lambda axes, tips, m=measure, d=distributions: _draw(axes, tips, facts, m, d),  # type: ignore[misc]
            Frame(width=330, height=250, left=54, right=40, top=10),
        )
        for row, measure in enumerate(measures(facts))
        for column, (title, distributions) in enumerate(groups(facts))
        if known(facts.pruned, lambda n, m=measure, d=distributions: m.mean(n, d))  # type: ignore[misc]
    ]


def _draw(axes: Axes, tips: Tips, facts: Facts, measure: Measure, distributions: list[str]) -> None:
    axis.ratio(axes)
    axes.set_ylabel(measure.axis)
    values = [
        measure.scale * v
        for _, v in known(facts.networks, lambda n: measure.mean(n, distributions))
    ]
    axes.set_ylim(*axis.limits([*values, measure.scale * measure.same], pad=0.08))
    axis.plain(axes)
    ends = []
    for method in facts.methods:
        look = style(facts.methods, method)
        mine = known(facts.of_method(method), lambda n: measure.mean(n, distributions))
        if not mine:
            continue
        xs, ys = [100 * (n.ratio or 0) for n, _ in mine], [measure.scale * v for _, v in mine]
        axes.plot(
            xs, ys, color=look.colour, marker=look.marker, linestyle=look.line, markeredgecolor=PAGE
        )
        ends.append((xs[-1], ys[-1], axis.name(method, 6), look.colour))
    baseline = measure.mean(facts.separate, distributions) if facts.separate else None
    if baseline is not None:
        line = axes.axhline(
            measure.scale * baseline, color=INK, linewidth=1.2, linestyle=(0, (4, 3))
        )
        tips(line, f"separate network: {measure.text(baseline)}")
        below = measure.same > baseline
        axes.annotate(
            "separate network",
            (0, measure.scale * baseline),
            xytext=(0, -4 if below else 4),
            textcoords="offset points",
            va="top" if below else "bottom",
            fontsize=10.5,
        )
    labels.at_ends(axes, ends)


def _describe(facts: Facts, measure: Measure, title: str, distributions: list[str]) -> str:
    def say(network: Network, value: float) -> str:
        return f"{network.label}: {measure.text(value)}."

    found = known(facts.networks, lambda n: measure.mean(n, distributions))
    values = " ".join(say(n, v) for n, v in found if n.role != "parent")
    return f"Line chart of {measure.title.lower()} to the parent on {title}. {values}"
