from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sparseprune.report.facts import Facts, Network
from sparseprune.report.figures import frontier, labels, speed
from sparseprune.report.figures.svg import picture


def point(name, latency, accuracy):
    return latency, accuracy, Network(name, "pruned", "WT", 0.5, {})


def test_frontier_holds_what_no_other_beats():
    points = [
        point("slow best", 9, 0.9),
        point("fast", 1, 0.5),
        point("beaten", 3, 0.6),
        point("middle", 2, 0.7),
        point("as good but slower", 4, 0.7),
    ]
    names = [p[2].id for p in frontier.frontier(points)]
    assert names == ["fast", "middle", "slow best"]


times = st.floats(1, 100)
shares = st.floats(0, 1)


@given(st.lists(st.tuples(times, shares), min_size=1, max_size=12))
def test_frontier_against_the_definition(values):
    points = [point(str(i), t, a) for i, (t, a) in enumerate(values)]
    best = {p[:2] for p in frontier.frontier(points)}
    undominated = {
        p[:2]
        for p in points
        if not any(q[0] <= p[0] and q[1] >= p[1] and q[:2] != p[:2] for q in points)
    }
    assert best == undominated


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=10), st.floats(0.1, 10))
def test_spread_keeps_order_distance_and_centre(values, gap):
    placed = labels.spread(values, gap)
    pairs = sorted(zip(values, placed, strict=True))
    for (_, low), (_, high) in pairwise(pairs):
        assert high - low >= gap * (1 - 1e-9) - 1e-9
    assert sum(placed) == pytest.approx(sum(values), abs=1e-6)


def test_labels_of_near_points_do_not_overlap():
    axes = Figure(figsize=(5, 4)).add_subplot()
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 10)
    labels.beside(axes, [(5, 5, "first", ""), (5.2, 5.1, "second", ""), (5.1, 4.9, "third", "")])
    renderer = FigureCanvasAgg(axes.figure).get_renderer()
    boxes = [t.get_window_extent(renderer) for t in axes.texts]
    assert len(boxes) == 3
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:index])


def test_tips_become_titles_and_are_escaped():
    def draw(axes, tips):
        (line,) = axes.plot([0, 1], [0, 1], color="#1b1f25")
        tips(line, "<b>tip</b>")

    svg = picture("name", "Title", "Description", draw).svg
    assert "<title>&lt;b&gt;tip&lt;/b&gt;</title>" in svg
    assert "var(--ink)" in svg


def test_slower_than_dense_is_said_and_drawn_hollow(rows):
    speedup = speed.pictures(Facts(rows))[0].svg
    assert "WT\u00a060\u202f%: 0.76× (0.73× to 0.80×), slower than dense" in speedup
    assert ">slower than the dense parent<" in speedup
    assert "fill: var(--page)" in speedup
