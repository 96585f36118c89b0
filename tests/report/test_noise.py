"""The section on noise: there only if the run has its rows."""

import re

import pytest

from sparseprune import report
from sparseprune.report import noise
from sparseprune.report.facts import Facts

WIDTHS = [0.0, 0.2, 0.4, 0.6]


@pytest.fixture
def noisy(rows):
    """The invented run with noise: the more parameters are gone, the sooner answers differ."""
    for row in [row for row in rows if row["kind"] == "network"]:
        ratio = 0.5 if row["role"] == "separate" else row["ratio"]
        for width in reversed(WIDTHS):
            away = 0 if row["role"] == "parent" else 0.02 + ratio * (0.1 + 0.6 * width)
            fields = {"id": row["id"], "width": width, "total": 1000, "correct": [900, 900]}
            same = {"agreement": 1 - away, "agreement_std": 0.01}
            apart = {"softmax_distance": 1.2 * away, "softmax_distance_std": 0.01}
            rows.append({"kind": "noise", **fields, **same, **apart})
    for method, most in (("WT", 0.9), ("FT", 0.5)):
        for width in WIDTHS:
            value = {"potential": most * (1 - width), "deviation": 0.05}
            rows.append({"kind": "noise_potential", "method": method, "width": width, **value})
    return rows


def test_there_is_no_section_without_rows(html):
    assert "Answers under noise" not in html


def test_the_section_shows_both_measures_of_each_method_and_the_potentials(noisy):
    page = report.render(noisy)
    start = page.index('<section id="noise"')
    section = page[start : page.index("</section>", start)]
    titles = re.findall(r"<figcaption>(.*?)</figcaption>", section)
    assert titles == [
        "Label agreement under noise, WT",
        "Softmax distance under noise, WT",
        "Label agreement under noise, FT",
        "Softmax distance under noise, FT",
        "Prune potential under noise",
    ]
    assert "separate network" in section
    lead = "The prune potential of WT goes from 90\u202f% at ±0 to 36\u202f% at ±0.6."
    assert lead in section


def test_networks_nearest_to_the_studys_ratios_are_drawn(noisy):
    facts = Facts(noisy)
    # 0.15, 0.46, 0.69, 0.80 and 0.95 of a grid of 0.6, 0.8, 0.9 and 0.95.
    assert [n.ratio for n in noise.shown(facts, "WT")] == [0.6, 0.8, 0.95]


def test_rows_are_drawn_by_rising_width(noisy):
    facts = Facts(noisy)
    assert [row["width"] for row in noise.measured(facts, facts.separate)] == WIDTHS
