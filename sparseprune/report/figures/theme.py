"""Colours and strokes. Each colour here is a CSS variable of the page, in a light and a dark shade.

The light shades double as the markers that ``svg.py`` replaces by ``var(--name)``, so they must
differ from each other. Method colours are the Okabe–Ito blue, vermilion, green and purple,
darkened to 4.5:1 against white; methods also differ by marker and by line style.
"""

from typing import Any, NamedTuple

COLOURS = {
    "ink": "#1b1f25",
    "muted": "#5a6470",
    "grid": "#dde2e8",
    "thin": "#9aa5b1",
    "page": "#fefefe",
    "slow": "#f7e3d8",
    "one": "#0065ad",
    "two": "#c04a08",
    "three": "#007558",
    "four": "#96397f",
}
INK, MUTED, GRID, THIN = (COLOURS[n] for n in ("ink", "muted", "grid", "thin"))
PAGE, SLOW = COLOURS["page"], COLOURS["slow"]


class Style(NamedTuple):
    """How one method is drawn everywhere."""

    colour: str
    marker: str
    line: str


_STYLES = [
    Style(COLOURS["one"], "o", "-"),
    Style(COLOURS["two"], "s", "--"),
    Style(COLOURS["three"], "^", "-."),
    Style(COLOURS["four"], "D", ":"),
]


def style(methods: list[str], method: str) -> Style:
    """The style of a method by its place among the run's methods."""
    return _STYLES[methods.index(method) % len(_STYLES)]


RC: Any = {
    "svg.fonttype": "none",
    # Fixed, so that the ids inside the file depend on its content alone.
    "svg.hashsalt": "sparseprune",
    "text.parse_math": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": 11.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.linewidth": 2,
    "lines.markersize": 6,
    "hatch.linewidth": 1.2,
    "hatch.color": PAGE,
}
