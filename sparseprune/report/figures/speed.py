"""Speed-up against prune ratio, and the latency of every network."""

from matplotlib.axes import Axes

from sparseprune.report import words
from sparseprune.report.facts import Facts, Network
from sparseprune.report.figures import axis, labels
from sparseprune.report.figures.svg import Frame, Picture, Tips, picture
from sparseprune.report.figures.theme import INK, MUTED, PAGE, SLOW, style

_ROW = 24


def pictures(facts: Facts) -> list[Picture]:
    """The two panels, each only if there is something to draw."""
    return [*_speedups(facts), *_latencies(facts)]


def _speedups(facts: Facts) -> list[Picture]:
    timed = [n for n in facts.pruned if n.ratio is not None and facts.latency(n, "speedup")]
    if not timed:
        return []
    return [
        picture(
            "speedup",
            "Speed-up over the dense parent",
            "Line chart of speed-up against the share of parameters removed; 1× is the dense "
            "parent. " + " ".join(f"{n.label}: {_text(facts, n)}." for n in timed),
            lambda axes, tips: _draw_speedups(axes, tips, facts, timed),
            Frame(height=330, right=30),
        )
    ]


def _draw_speedups(axes: Axes, tips: Tips, facts: Facts, timed: list[Network]) -> None:
    top = max(_high(facts, n) for n in timed)
    axis.ratio(axes)
    axes.set_ylim(0, max(1.4, top * 1.12))
    axis.multiples(axes)
    axes.set_ylabel("times as fast as the dense parent")
    axes.axhspan(0, 1, color=SLOW, zorder=0.5)
    axes.axhline(1, color=INK, linewidth=1.4)
    axes.text(0, 0.06, "slower than the dense parent", color=MUTED, fontsize=10.5)
    axes.text(0, 1.03, "dense parent", color=INK, fontsize=10.5, va="bottom")
    marks = []
    for method in dict.fromkeys(n.method for n in timed):
        look = style(facts.methods, method)
        mine = [n for n in timed if n.method == method]
        xs = [100 * (n.ratio or 0) for n in mine]
        ys = [facts.latency(n, "speedup") or 0.0 for n in mine]
        axes.plot(xs, ys, color=look.colour, linestyle=look.line)
        for network, x, y in zip(mine, xs, ys, strict=True):
            _whisker(axes, facts, network, x, look.colour)
            (point,) = axes.plot(x, y, marker=look.marker, color=look.colour, markersize=8)
            if facts.pace(network) == "slower":
                point.set(markerfacecolor=PAGE, markeredgewidth=1.8)
            tips(point, f"{network.label}: {_text(facts, network)}")
            last = f"{axis.name(method, 6)} " if network is mine[-1] else ""
            marks.append((x, y, f"{last}{y:.2g}×", look.colour))
    labels.beside(axes, marks, [(axes.get_xlim()[0], 1), (axes.get_xlim()[1], 1)])


def _whisker(axes: Axes, facts: Facts, network: Network, x: float, colour: str) -> None:
    ends = facts.latency(network, "speedup_low"), facts.latency(network, "speedup_high")
    if None not in ends:
        axes.vlines(x, *ends, color=colour, linewidth=1.3)  # type: ignore[arg-type]
        axes.plot([x, x], ends, color=colour, marker="_", markersize=9, linestyle="none")  # type: ignore[arg-type]


def _high(facts: Facts, network: Network) -> float:
    return max(facts.latency(network, "speedup_high") or 0, facts.latency(network, "speedup") or 0)


def _text(facts: Facts, network: Network) -> str:
    low, high = (words.times(facts.latency(network, f"speedup_{end}")) for end in ("low", "high"))
    interval = "" if words.MISSING in (low, high) else f" ({words.between(low, high)})"
    slower = ", slower than dense" if facts.pace(network) == "slower" else ""
    return words.times(facts.latency(network, "speedup")) + interval + slower


def _latencies(facts: Facts) -> list[Picture]:
    timed = [n for n in facts.networks if facts.latency(n)]
    if not timed:
        return []
    return [
        picture(
            "latency",
            "Latency of every network",
            "Dot chart of the median latency of each network. "
            + " ".join(f"{n.label}: {words.duration(facts.latency(n))}." for n in timed),
            lambda axes, tips: _draw_latencies(axes, tips, facts, timed),
            Frame(left=122, right=62, height=max(330, 62 + _ROW * len(timed))),
        )
    ]


def _draw_latencies(axes: Axes, tips: Tips, facts: Facts, timed: list[Network]) -> None:
    ends = [facts.latency(n, f) or 0.0 for n in timed for f in ("median_us", "p90_us")]
    axis.microseconds(axes, 1.05 * max(ends))
    axes.set_yticks(range(len(timed)), [axis.name(n.label, 18) for n in timed])
    axes.set_ylim(len(timed) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    if facts.parent and (dense := facts.latency(facts.parent)):
        axes.axvline(dense, color=INK, linewidth=1, linestyle=(0, (3, 3)))
    for place, network in enumerate(timed):
        pruned = network.method in facts.methods
        colour, marker = style(facts.methods, network.method)[:2] if pruned else (INK, "*")
        median = facts.latency(network) or 0.0
        low, high = (facts.latency(network, f"p{p}_us") for p in (10, 90))
        if low is not None and high is not None:
            axes.hlines(place, low, high, color=colour, linewidth=4, alpha=0.35)
        (point,) = axes.plot(
            median, place, marker=marker, color=colour, markersize=8 if pruned else 12
        )
        tips(point, f"{network.label}: {words.duration(median)}")
        axes.annotate(
            words.duration(median),
            (1.0, place),
            xycoords=axes.get_yaxis_transform(),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=10.5,
        )
