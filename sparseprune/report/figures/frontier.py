"""The robustness–latency frontier: accuracy on shifts against measured latency."""

from collections.abc import Callable

from matplotlib.axes import Axes

from sparseprune.report import words
from sparseprune.report.facts import Facts, Network, known
from sparseprune.report.figures import axis, labels
from sparseprune.report.figures.svg import Frame, Picture, Tips, picture
from sparseprune.report.figures.theme import GRID, INK, MUTED, PAGE, style

Point = tuple[float, float, Network]


def points(facts: Facts, value: Callable[[Network], float | None]) -> list[Point]:
    """(latency in µs, accuracy 0 to 1, network) of all networks that have both."""
    found = known(facts.networks, value)
    return [(t, v, n) for n, v in found if n.role != "separate" and (t := facts.latency(n))]


def frontier(found: list[Point]) -> list[Point]:
    """Points that no other beats: none is at least as fast and at least as accurate."""
    best: list[Point] = []
    for point in sorted(found, key=lambda p: (p[0], -p[1])):
        if not best or point[1] > best[-1][1]:
            best.append(point)
    return best


def pictures(facts: Facts) -> list[Picture]:
    """One panel for the mean over shifts, one for the worst shift."""

    def worst(network: Network) -> float | None:
        return found[1] if (found := facts.worst(network)) else None

    panels = [
        ("mean", "Mean accuracy over the shifts", lambda n: facts.mean(n, facts.shifts)),
        ("worst", "Accuracy on the worst shift", worst),
    ]
    return [
        picture(
            f"frontier-{name}",
            title,
            _describe(title, found),
            lambda axes, tips, found=found, title=title: _draw(axes, tips, facts, found, title),  # type: ignore[misc]
            Frame(height=340),
        )
        for name, title, value in panels
        if len(found := points(facts, value)) > 1
    ]


def _draw(axes: Axes, tips: Tips, facts: Facts, found: list[Point], title: str) -> None:
    axis.microseconds(axes, 1.22 * max(p[0] for p in found))
    axes.set_ylim(*axis.limits([100 * p[1] for p in found], pad=0.12))
    axes.set_ylabel(f"{facts.quality} (%)")
    axis.plain(axes)
    best = frontier(found)
    xs = [p[0] for p in best] + [axes.get_xlim()[1]]
    ys = [100 * p[1] for p in best] + [100 * best[-1][1]]
    steps = [
        corner
        for x, y, after in zip(xs, ys, [*xs[1:], xs[-1]], strict=True)
        for corner in ((x, y), (after, y))
    ]
    axes.plot(*zip(*steps, strict=True), color=MUTED, linewidth=1.6, zorder=1.5)
    axes.fill_between(
        xs, ys, axes.get_ylim()[0], step="post", color=GRID, alpha=0.45, linewidth=0, zorder=0.6
    )
    marks = []
    for latency, accuracy, network in found:
        colour, marker, size = _look(facts, network)
        (point,) = axes.plot(
            latency, 100 * accuracy, marker=marker, color=colour, markersize=size,
            markeredgecolor=PAGE,
        )  # fmt: skip
        tips(point, f"{network.label}: {words.percent(accuracy)}, {words.duration(latency)}")
        marks.append((latency, 100 * accuracy, axis.name(network.label), colour))
    labels.beside(axes, marks, steps)


def _look(facts: Facts, network: Network) -> tuple[str, str, int]:
    """Colour, marker and its size; the dense ones are black, the parent a star."""
    if network.method in facts.methods:
        method = style(facts.methods, network.method)
        return method.colour, method.marker, 8
    return (INK, "*", 15) if network.role == "parent" else (MUTED, "P", 9)


def _describe(title: str, found: list[Point]) -> str:
    values = " ".join(f"{n.label}: {words.duration(t)}, {words.percent(a)}." for t, a, n in found)
    names = words.listing([n.label for _, _, n in frontier(found)])
    return f"Scatter chart of {title.lower()} against latency. {values} On the frontier: {names}."
