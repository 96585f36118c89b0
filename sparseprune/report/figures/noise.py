"""Answers under noise, by its width: like the parent's, and how far one can prune."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from sparseprune.records import Row
from sparseprune.report import words
from sparseprune.report.facts import Facts, Network
from sparseprune.report.figures import axis, labels
from sparseprune.report.figures.svg import Frame, Picture, Tips, picture
from sparseprune.report.figures.theme import INK, PAGE, style
from sparseprune.report.noise import measured, potentials, shown
from sparseprune.report.similarity import Measure, measures

_FRAME = Frame(right=64)


def pictures(facts: Facts) -> list[Picture]:
    """Both measures for each method, then the prune potentials of all."""
    found = [
        picture(
            f"noise-{place}-{measure.field}",
            f"{measure.title} under noise, {method}",
            _describe(facts, method, measure),
            lambda axes, tips, m=method, by=measure: _draw(axes, tips, facts, m, by),  # type: ignore[misc]
            _FRAME,
        )
        for place, method in enumerate(facts.methods)
        for measure in measures(facts)
        if shown(facts, method)
    ]
    methods = [method for method in facts.methods if potentials(facts, method)]
    if methods:
        title, text = "Prune potential under noise", _potentials_in_words(facts, methods)
        found.append(
            picture(
                "noise-potential",
                title,
                text,
                lambda axes, tips: _draw_potentials(axes, tips, facts, methods),
                _FRAME,
            )
        )
    return found


def _draw(axes: Axes, tips: Tips, facts: Facts, method: str, measure: Measure) -> None:
    """A line for each ratio, deviations over draws as bars; the separate network is dashed."""
    axes.set_xlabel("half-width of the noise")
    axes.set_ylabel(measure.axis)
    colour, ends = style(facts.methods, method).colour, []
    for network in shown(facts, method):
        rows = measured(facts, network)
        xs, ys, errors = _series(rows, measure.field, f"{measure.field}_std", measure.scale)
        bars = axes.errorbar(
            xs, ys, errors, color=colour, marker="o", markersize=4, markeredgecolor=PAGE
        )
        tips(bars.lines[0], network.label)
        ends.append((xs[-1], ys[-1], words.percent(network.ratio, 0), colour))
    baseline = measured(facts, facts.separate) if facts.separate else []
    if baseline:
        xs, ys, _ = _series(baseline, measure.field, f"{measure.field}_std", measure.scale)
        (line,) = axes.plot(xs, ys, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
        tips(line, "separate network")
        ends.append((xs[-1], ys[-1], "separate", INK))
    axis.plain(axes)
    labels.at_ends(axes, ends)


def _draw_potentials(axes: Axes, tips: Tips, facts: Facts, methods: list[str]) -> None:
    axes.set_xlabel("half-width of the noise")
    axes.set_ylabel("prune potential (%)")
    axes.set_ylim(-4, 104)
    ends = []
    for method in methods:
        look = style(facts.methods, method)
        xs, ys, errors = _series(potentials(facts, method), "potential", "deviation", 100)
        bars = axes.errorbar(
            xs,
            ys,
            errors,
            color=look.colour,
            marker=look.marker,
            linestyle=look.line,
            markeredgecolor=PAGE,
        )
        tips(bars.lines[0], words.method(method))
        ends.append((xs[-1], ys[-1], axis.name(method, 8), look.colour))
    axis.plain(axes)
    labels.at_ends(axes, ends)


def _series(
    rows: Sequence[Row], value: str, deviation: str, scale: float
) -> tuple[list[float], list[float], list[float]]:
    """Widths, values and their deviations."""

    def column(name: str, scale: float) -> list[float]:
        return [scale * float(row[name]) for row in rows]

    return column("width", 1), column(value, scale), column(deviation, scale)


def _describe(facts: Facts, method: str, measure: Measure) -> str:
    def say(network: Network) -> str:
        rows = measured(facts, network)
        first, last = (measure.text(row[measure.field]) for row in (rows[0], rows[-1]))
        return f"{network.label}: {first} to {last}."

    every = [*shown(facts, method), *([facts.separate] if facts.separate else [])]
    values = " ".join(say(network) for network in every if measured(facts, network))
    title = measure.title.lower()
    return f"Line chart of {title} to the parent by half-width of noise, {method}. {values}"


def _potentials_in_words(facts: Facts, methods: list[str]) -> str:
    def say(method: str) -> str:
        rows = potentials(facts, method)
        values = (f"{words.percent(row['potential'])} at {row['width']:g}" for row in rows)
        return f"{method}: {', '.join(values)}."

    values = " ".join(map(say, methods))
    return f"Line chart of prune potential by half-width of noise. {values}"
