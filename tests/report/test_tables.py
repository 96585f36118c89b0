import pytest

from sparseprune.report.facts import Facts
from sparseprune.report.hidden_loss import verdicts
from sparseprune.report.tables import (
    accuracy,
    excess_error,
    hidden_loss,
    latency,
    networks,
    potential,
)

S, M = "\u202f", "\u2212"


def column(table, title):
    place = [c.title for c in table.columns].index(title)
    return [row[place] for row in table.rows]


def test_rows_are_as_long_as_the_head(rows):
    facts = Facts(rows)
    found = [*accuracy.tables(facts), *networks.tables(facts), latency.table(facts)]
    found += [potential.table(facts), hidden_loss.table(verdicts(facts))]
    for table in found:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_heat_marks_what_breaks_the_margin(rows):
    facts = Facts(rows)
    table = accuracy.tables(facts)[0]
    for row, distribution in zip(table.rows, facts.distributions, strict=True):
        for cell, network in zip(row[2:], facts.of_method("WT"), strict=True):
            broken = facts.holds(network, distribution) is False
            assert cell.text.startswith("▼") == broken
            assert cell.tone.startswith("worse") == broken
    tones = {cell.tone for row in table.rows for cell in row}
    assert {"worse1", "worse2", "worse3"} <= tones


def test_slower_is_written_out(rows):
    table = latency.table(Facts(rows))
    speeds = [cell.text for cell in column(table, "Speed-up")]
    assert speeds[:4] == ["1× (reference)", "1.00× ≈ dense", "0.76× slower", "1.21×"]


def test_potential_summary_follows_the_rows(rows):
    facts = Facts(rows)
    table = potential.table(facts)
    assert [c.text for c in column(table, "Clean")] == [f"80{S}%", f"50.4{S}%"]
    assert column(table, "Least of shifts")[1].text == f"30.4{S}%"


def test_robust_training_has_columns_of_its_own(rows):
    assert [c.title for c in potential.table(Facts(rows)).columns[2:3]] == ["Mean of shifts"]
    robust = [
        {**r, "distributions": ["clean", "fog"], "mean": 0.6, "least": 0.5}
        if r["kind"] == "overall_potential" and r["set"] == "train"
        else r
        for r in rows
    ]
    table = potential.table(Facts(robust))
    assert [c.text for c in column(table, "Mean of trained on")] == [f"60{S}%"] * 2
    assert [c.text for c in column(table, "Least of trained on")] == [f"50{S}%"] * 2
    assert {len(row) for row in table.rows} == {len(table.columns)}


def test_excess_error_has_its_slope(rows):
    slopes = excess_error.fold(Facts(rows)).tables[1]
    assert [[cell.text for cell in row] for row in slopes.rows] == [
        ["WT, single weights", "+2.10", "4"],
        ["FT, whole filters", "+2.10", "3"],
    ]


def test_failed_network_stands_out(make_run):
    facts = Facts(make_run(spoiled="FT-0.50"))
    table = hidden_loss.table(verdicts(facts))
    checks = {row[0].title: (row[1].text, row[1].tone) for row in table.rows}
    assert checks.pop("FT-0.50") == ("✕ FAIL", "bad")
    assert set(checks.values()) == {("✓ pass", "good")}
    assert [c.text for c in column(table, "Accuracy difference")].count(f"{M}2.600") == 1


@pytest.mark.parametrize(
    ("value", "text", "tone"),
    [
        ({"max_abs": 1e-6, "bound": 1e-4, "images": 8}, f"✓ 1e{M}06 ≤ 0.0001", "good"),
        ({"max_abs": 1e-3, "bound": 1e-4}, "✕ 0.001 > 0.0001", "bad"),
        ({"max_abs": None, "bound": 1e-4}, "–", ""),
        (None, "–", ""),
    ],
)
def test_parity_against_its_bound(value, text, tone):
    cell = networks.parity(value)
    assert (cell.text, cell.tone) == (text, tone)


def test_coupling_rule_is_named(rows):
    sizes = networks.tables(Facts(rows))[0]
    found = [cell.text for cell in column(sizes, "Coupling")]
    assert found[-1] == "group; union of kept channels"
    assert found[0] == "–"


def test_target_names_its_unit(rows):
    sizes = networks.tables(Facts(rows))[0]
    found = [cell.text for cell in column(sizes, "Target ratio")]
    assert found[0] == "–"
    assert found[-1] == f"70{S}% of params"


def test_channels_before_and_after(rows):
    folds = networks.channels(Facts(rows))
    assert len(folds) == 3
    table = folds[0].tables[0]
    assert [c.text for c in table.rows[-1]] == ["stem", "16", "8", f"50{S}%"]
    assert [c.text for c in table.rows[0]] == ["fc", "10", "10", f"100{S}%"]


def test_odd_channels_are_dashes():
    row = {"kind": "network", "id": "a", "role": "pruned", "channels": {"stem": "many"}}
    table = networks.channels(Facts([row]))[0].tables[0]
    assert [c.text for c in table.rows[0]] == ["stem", "–", "–", "–"]
