"""Prune potential bars: one panel a method, one bar a distribution."""

from matplotlib.axes import Axes

from sparseprune.records import Row
from sparseprune.report import words
from sparseprune.report.facts import CLEAN, Facts
from sparseprune.report.figures import axis
from sparseprune.report.figures.svg import Frame, Picture, Tips, picture
from sparseprune.report.figures.theme import INK, style

_BAR = 17


def pictures(facts: Facts) -> list[Picture]:
    """One panel a method that has potentials."""
    return [
        picture(
            f"potential-{index}",
            words.method(method),
            _describe(method, rows),
            lambda axes, tips, method=method, rows=rows: _draw(axes, tips, facts, method, rows),  # type: ignore[misc]
            Frame(left=136, right=34, bottom=46, height=62 + _BAR * len(rows)),
        )
        for index, method in enumerate(facts.methods)
        if (rows := rows_of(facts, method))
    ]


def rows_of(facts: Facts, method: str) -> list[Row]:
    """Potential rows of a method in reading order."""
    return [row for d in facts.distributions if (row := facts.potential(method, d))]


def _draw(axes: Axes, tips: Tips, facts: Facts, method: str, rows: list[Row]) -> None:
    colour = style(facts.methods, method).colour
    names = [axis.name(words.distribution(str(r["distribution"]))) for r in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 100)
    axes.set_xlabel("prune potential (% of parameters)")
    clean = next((r for r in rows if r["distribution"] == CLEAN), None)
    if clean:
        axes.axvline(100 * clean["potential"], color=INK, linewidth=1, linestyle=(0, (3, 3)))
    for place, row in enumerate(rows):
        _bar(axes, tips, place, row, colour)


def _bar(axes: Axes, tips: Tips, place: int, row: Row, colour: str) -> None:
    value, censored = 100 * row["potential"], bool(row.get("censored"))
    (bar,) = axes.barh(place, value, height=0.72, color=colour, hatch="////" if censored else None)
    tips(bar, f"{words.distribution(str(row['distribution']))}: {text(row)}")
    if not value:
        axes.plot(0, place, marker="|", color=colour, markersize=11, clip_on=False)
    label = "0" if not value else f"≥ {value:.0f}" if censored else f"{value:.0f}"
    axes.annotate(
        label,
        (value, place),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=10.5,
        annotation_clip=False,
        weight="bold" if row["distribution"] == CLEAN else "normal",
    )


def text(row: Row) -> str:
    """A potential in words."""
    end = " or more (end of the grid)" if row.get("censored") else ""
    return words.percent(row["potential"]) + end


def _describe(method: str, rows: list[Row]) -> str:
    values = "; ".join(f"{words.distribution(str(r['distribution']))} {text(r)}" for r in rows)
    return f"Bar chart of the prune potential of {method} on each distribution. {values}."
