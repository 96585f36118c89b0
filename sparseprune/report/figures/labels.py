"""Placing text next to marks so that texts do not cover each other."""

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes

from sparseprune.report.figures.theme import INK


def spread(values: Sequence[float], gap: float) -> list[float]:
    """Positions at least ``gap`` apart, in the order of ``values`` and near them."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    placed = list(values)
    for before, after in pairwise(order):
        placed[after] = max(placed[after], placed[before] + gap)
    drift = sum(p - v for p, v in zip(placed, values, strict=True)) / max(len(values), 1)
    return [p - drift for p in placed]


def at_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Name lines at their right ends. ``ends`` holds (x, y, text, colour) in data units."""
    low, high = axes.get_ylim()
    _, height = _pixels(axes)
    # 14 px: one line of 11.5 px text with air.
    ys = spread([y for _, y, _, _ in ends], 14 * (high - low) / height)
    for (x, _, text, colour), y in zip(ends, ys, strict=True):
        axes.annotate(
            text,
            (x, y),
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            annotation_clip=False,
        )


# Right, left, above, below, then the corners: (dx, dy, horizontal, vertical alignment) in px.
_PLACES = [
    (9, 0, "left", "center"),
    (-9, 0, "right", "center"),
    (0, 9, "center", "bottom"),
    (0, -9, "center", "top"),
    (7, 7, "left", "bottom"),
    (7, -7, "left", "top"),
    (-7, 7, "right", "bottom"),
    (-7, -7, "right", "top"),
]
_SHIFT = {"left": 0.0, "right": 1.0, "bottom": 0.0, "top": 1.0, "center": 0.5}
Box = tuple[float, float, float, float]


def beside(
    axes: Axes,
    points: Sequence[tuple[float, float, str, str]],
    lines: Sequence[tuple[float, float]] = (),
) -> None:
    """Label each point (x, y, text, colour) at the first side that stays free, else the freest.

    ``lines`` are the corners of a line of level and upright pieces that labels should not cover.
    """
    width, height = _pixels(axes)
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()

    def spot(x: float, y: float) -> tuple[float, float]:
        return (x - x0) / (x1 - x0) * width, (y - y0) / (y1 - y0) * height

    spots = [spot(x, y) for x, y, _, _ in points]
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    corners = [spot(x, y) for x, y in lines]
    taken += [_around(a, b) for a, b in pairwise(corners)]
    frame = (0.0, 0.0, width, height)
    for (x, y, text, colour), (px, py) in zip(points, spots, strict=True):
        boxes = [_box(px, py, text, place) for place in _PLACES]
        costs = [
            sum(_overlap(b, t) for t in taken) + 3 * (_area(b) - _overlap(b, frame)) for b in boxes
        ]
        best = costs.index(min(costs))
        taken.append(boxes[best])
        dx, dy, horizontal, vertical = _PLACES[best]
        axes.annotate(
            text,
            (x, y),
            xytext=(dx, dy),
            textcoords="offset points",
            ha=horizontal,
            va=vertical,
            color=colour or INK,
            fontsize=10.5,
        )


def _pixels(axes: Axes) -> tuple[float, float]:
    """Width and height of the plotting area in SVG units."""
    assert axes.figure is not None
    box = axes.get_position()
    width, height = axes.figure.get_size_inches() * 72  # type: ignore[union-attr]
    return float(box.width * width), float(box.height * height)


def _box(x: float, y: float, text: str, place: tuple[float, float, str, str]) -> Box:
    # 6 px a character and 12 px a line: an upper estimate for 10.5 px sans-serif text.
    width, height = 6.0 * len(text), 12.0
    left = x + place[0] - _SHIFT[place[2]] * width
    low = y + place[1] - _SHIFT[place[3]] * height
    return left, low, left + width, low + height


def _around(a: tuple[float, float], b: tuple[float, float]) -> Box:
    return min(a[0], b[0]) - 2, min(a[1], b[1]) - 2, max(a[0], b[0]) + 2, max(a[1], b[1]) + 2


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _overlap(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)
