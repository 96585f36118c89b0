"""Axes that several figures share."""

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sparseprune.report import words


def ratio(axes: Axes) -> None:
    """Prune ratio from 0 (the parent) to 100 per cent along x."""
    axes.set_xlim(-3, 103)
    axes.set_xticks([0, 20, 40, 60, 80, 100])
    axes.set_xlabel("parameters removed (%)")


def limits(values: list[float], pad: float = 0.06) -> tuple[float, float]:
    """Range of ``values`` with some air on both sides."""
    low, high = min(values), max(values)
    air = max((high - low) * pad, 1e-3)
    return low - air, high + air


def microseconds(axes: Axes, highest: float) -> None:
    """Latency along x, from zero, in the unit that suits the highest value."""
    scale, unit = (1e-3, "ms") if highest >= 1000 else (1.0, "µs")
    axes.set_xlim(0, highest)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * scale:g}"))
    axes.set_xlabel(f"latency ({unit})")


def multiples(axes: Axes) -> None:
    """Tick labels such as 0.5× along y."""
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))


def plain(axes: Axes) -> None:
    """A few tick labels without trailing zeros along y."""
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def name(text: str, limit: int = 22) -> str:
    """A row label that fits a panel's left margin."""
    return words.brief(text, limit)
