"""Dense controls: their names, and whom they are compared with."""

import pytest

from sparseprune import report
from sparseprune.records import write
from sparseprune.report.facts import Facts
from sparseprune.report.figures import frontier
from sparseprune.report.tables import controls

M, S = "\u2212", "\u202f"


def network(id, role, method, **fields):
    return {"kind": "network", "id": id, "role": role, "method": method, "ratio": 0.0, **fields}


def evaluated(id, clean, fog):
    pairs = {"clean": clean, "fog": fog}.items()
    return [
        {
            "kind": "evaluation",
            "id": id,
            "runner": "accelerated",
            "distribution": distribution,
            "correct": correct,
            "total": 100,
        }
        for distribution, correct in pairs
    ]


@pytest.fixture
def rows():
    return [
        network("parent", "parent", "dense"),
        network("WT-50", "pruned", "WT", ratio=0.5, target_ratio=0.5, unit="params", cycles=1),
        network("WT-75", "pruned", "WT", ratio=0.75, target_ratio=0.75, unit="params", cycles=2),
        network("FT-50", "pruned", "FT", ratio=0.51, target_ratio=0.5, unit="flops", cycles=1),
        network("extended-2", "control", "extended", cycles=2),
        network("extended-1", "control", "extended", cycles=1),
        network("small-50", "control", "small", ratio=0.49, target_ratio=0.5, unit="params"),
        *evaluated("parent", 90, 60),
        *evaluated("WT-50", 91, 58),
        *evaluated("WT-75", 89, 50),
        *evaluated("FT-50", 80, 40),
        *evaluated("extended-1", 92, 62),
        *evaluated("extended-2", 93, 61),
        *evaluated("small-50", 85, 59),
    ]


def test_controls_come_last_under_names_of_their_own(rows):
    facts = Facts(rows)
    assert [n.label for n in facts.networks[-3:]] == [
        f"extended, 1{S}cycle".replace(S, " "),
        "extended, 2 cycles",
        f"small dense\u00a050{S}%",
    ]
    assert facts.methods == ["WT", "FT"]
    assert [n.id for n in facts.pruned] == ["WT-50", "WT-75", "FT-50"]


def test_each_is_compared_with_what_was_pruned_as_far_or_as_often(rows):
    table = controls.table(Facts(rows))
    found = {(row[0].title, row[1].text): [cell.text for cell in row[2:]] for row in table.rows}
    percent = f"{S}%"
    assert found == {
        ("extended-1", f"WT\u00a050{percent}"): ["92.00", f"{M}1.00", "62.00", f"{M}4.00"],
        ("extended-1", f"FT\u00a051{percent}"): ["92.00", f"{M}12.00", "62.00", f"{M}22.00"],
        ("extended-2", f"WT\u00a075{percent}"): ["93.00", f"{M}4.00", "61.00", f"{M}11.00"],
        ("small-50", f"WT\u00a050{percent}"): ["85.00", "+6.00", "59.00", f"{M}1.00"],
    }


def test_without_controls_there_is_no_table(rows):
    assert controls.table(Facts([row for row in rows if row.get("role") != "control"])) is None


def test_an_odd_control_is_shown_and_compared_with_nobody():
    facts = Facts([network("x", "control", "unheard"), network("WT-50", "pruned", "WT")])
    assert facts.by_id["x"].label == "x"
    assert controls.table(facts) is None


def test_the_page_draws_them(rows, tmp_path):
    timed = [
        {"kind": "latency", "id": row["id"], "median_us": 100.0, "threads": 1, "batch": 1}
        for row in rows
        if row["kind"] == "network"
    ]
    write(tmp_path / "records" / "all.jsonl", [*rows, *timed])
    page = report.build(tmp_path).read_text()
    assert "Pruned networks against dense controls" in page
    assert len(frontier.pictures(Facts([*rows, *timed]))) == 2
