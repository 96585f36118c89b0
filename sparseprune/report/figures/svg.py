"""A matplotlib figure as an inline, themeable, accessible SVG element."""

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import matplotlib
from markupsafe import Markup, escape
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparseprune.report.figures.theme import COLOURS, RC


@dataclass(frozen=True)
class Picture:
    """A finished figure: the SVG and the words that go with it."""

    name: str
    title: str
    svg: Markup


@dataclass
class Tips:
    """Texts that a browser shows when the pointer rests on a mark."""

    texts: dict[str, str] = field(default_factory=dict)

    def __call__(self, artist: Artist, text: str) -> None:
        """Attach ``text`` to ``artist``."""
        name = f"tip{len(self.texts)}"
        artist.set_gid(name)
        self.texts[name] = text


@dataclass(frozen=True)
class Frame:
    """Outer size and margins of a panel, in CSS pixels at scale 1."""

    width: float = 440
    height: float = 300
    left: float = 56
    right: float = 14
    top: float = 12
    bottom: float = 46


def picture(
    name: str,
    title: str,
    description: str,
    draw: Callable[[Axes, Tips], None],
    frame: Frame | None = None,
) -> Picture:
    """Let ``draw`` fill one panel and return it as SVG.

    Args:
        name: unique on the page; prefixes every id inside.
        title: heading of the panel.
        description: what the panel shows, in words, for those who cannot see it.
        draw: called with the axes and a ``Tips``.
        frame: size and margins.
    """
    frame = frame or Frame()
    tips = Tips()
    with matplotlib.rc_context(RC), warnings.catch_warnings():
        # Names may hold characters that matplotlib's own font lacks; the browser's fonts draw them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(frame.width / 72, frame.height / 72))
        axes = figure.add_axes(
            (
                frame.left / frame.width,
                frame.bottom / frame.height,
                (frame.width - frame.left - frame.right) / frame.width,
                (frame.height - frame.top - frame.bottom) / frame.height,
            )
        )
        draw(axes, tips)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return Picture(name, title, _inline(file.getvalue(), name, title, description, tips.texts))


_TAG = re.compile(r"<svg\b[^>]*?viewBox=\"([^\"]*)\"[^>]*>")
_NOISE = re.compile(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", re.DOTALL)
_REFERENCE = re.compile(r'\b(?:xlink:)?(id="|href="#|clip-path="url\(#|url\(#)')
_FONT = re.compile(r"font: (?:(\d+) )?([\d.]+)px [^;\"]*")
_COLOUR = re.compile("|".join(COLOURS.values()))
_VARIABLES = {value: f"var(--{name})" for name, value in COLOURS.items()}


def _inline(text: str, name: str, title: str, description: str, tips: dict[str, str]) -> Markup:
    """Cut the element out of matplotlib's document and fit it to the page."""
    start = _TAG.search(text)
    assert start, "matplotlib wrote no svg element with a viewBox"
    body = _NOISE.sub("", text[start.end() :])
    body = _REFERENCE.sub(lambda m: f"{m[1]}{name}-", body)
    body = _FONT.sub(lambda m: f"font-size: {m[2]}px" + f"; font-weight: {m[1]}" * bool(m[1]), body)
    body = _COLOUR.sub(lambda m: _VARIABLES[m[0]], body)
    for gid, tip in tips.items():
        opening = f'<g id="{name}-{gid}">'
        body = body.replace(opening, f"{opening}<title>{escape(tip)}</title>", 1)
    return Markup(
        f'<svg class="picture" viewBox="{start[1]}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>{body.strip()}'
    )
