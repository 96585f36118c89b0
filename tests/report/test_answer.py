from sparseprune.report import answer, recommendation
from sparseprune.report.facts import Facts


def without_ratio(rows, methods=("WT", "FT")):
    """The same run where a shift breaks at every ratio of ``methods``."""
    found = []
    for row in rows:
        wanted = row["kind"] == "recommendation" and row["method"] in methods
        broken = row["kind"] == "evaluation" and row["distribution"] == "fog"
        if wanted:
            row = {**row, "ratio": None, "id": None}
        elif broken and row["id"].startswith(methods):
            row = {**row, "correct": row["correct"] - 300}
        found.append(row)
    return found


def test_no_ratio_says_so_and_where_it_breaks(rows):
    facts = Facts(without_ratio(rows))
    text = answer.paragraph(facts)
    assert text.startswith("No tested ratio of WT or FT stays within 0.5 percentage points")
    assert "WT breaks on 1 of 21 already at 60\u202f%" in text
    assert "Clean pictures alone would have allowed 80\u202f% by WT (1.21× as fast)" in text
    cards = answer.cards(facts)
    assert [(c.ratio, c.found) for c in cards] == [("none", False), ("none", False)]
    assert [f.text for f in cards[0].facts if f.label.startswith("Breaks")] == ["Fog"]


def test_one_method_with_and_one_without(rows):
    text = answer.paragraph(Facts(without_ratio(rows, ("WT",))))
    assert "FT can remove 30.4\u202f% of all parameters" in text
    assert "No tested ratio of WT stays" in text


def test_an_unfinished_run_promises_nothing(rows):
    facts = Facts([r for r in rows if r["kind"] != "recommendation"])
    assert answer.paragraph(facts).startswith("This run holds no recommendation yet")
    assert answer.cards(facts) == []


def test_what_binds_at_the_next_ratio(rows):
    advice = recommendation.recommendations(Facts(rows))[1]
    assert advice.network.id == "FT-0.30"
    assert advice.following.id == "FT-0.50"
    names = [name for name, _ in advice.broken]
    assert names[0] == "gaussian_noise"
    assert "clean" not in names
    changes = [change for _, change in advice.broken]
    assert changes == sorted(changes)
    assert max(changes) < -0.005


def test_nothing_binds_at_the_end_of_the_grid(rows):
    last = {"ratio": 0.95, "id": "WT-0.95"}
    wanted = ("recommendation", "WT")
    found = [{**r, **last} if (r["kind"], r.get("method")) == wanted else r for r in rows]
    advice = recommendation.recommendations(Facts(found))[0]
    assert advice.following is None
    assert advice.broken == []


def test_scope_counts_what_must_hold():
    assert answer.scope(["clean"]) == "the clean test pictures"
    assert answer.scope(["clean", "fog"]) == "the clean pictures and fog"
    assert answer.scope(["fog", "snow"]) == "all 2 listed shifts"
