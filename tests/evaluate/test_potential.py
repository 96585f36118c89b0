import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparseprune.errors import InputError
from sparseprune.evaluate.potential import holds, potential, potentials, recommend

GRID = st.lists(
    st.tuples(st.floats(0.01, 0.99), st.integers(0, 2000)), max_size=8, unique_by=lambda p: p[0]
)


@pytest.mark.parametrize(
    ("correct", "total", "expected"),
    [(1790, 2000, True), (1789, 2000, False), (1795, 1000, True), (1794, 1000, False)],
)
def test_the_boundary_is_exact_and_not_strict(correct, total, expected):
    # 0.005 * 2000 is 10 pictures; as floats, 0.9 - 0.005 > 0.895.
    assert holds(correct, 1800, total, 0.005) is expected


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_whole_percent_margins_are_exact_for_every_total(total, parent):
    margin = total // 100
    assert holds(parent - margin, parent, total, 0.01)
    assert not holds(parent - margin - 1, parent, total, 0.01)


def test_a_smaller_ratio_that_fails_does_not_end_the_search():
    grid = [(0.3, 900), (0.5, 100), (0.7, 895), (0.9, 100)]
    assert potential(grid, 900, 1000, 0.005) == (0.7, False)


def test_zero_when_nothing_holds_and_for_an_empty_grid():
    assert potential([(0.3, 1), (0.9, 2)], 900, 1000, 0.005) == (0.0, False)
    assert potential([], 900, 1000, 0.005) == (0.0, False)


def test_the_end_of_the_grid_is_flagged_as_censored():
    assert potential([(0.9, 900), (0.3, 0)], 900, 1000, 0.005) == (0.9, True)


@given(GRID, st.integers(0, 2000), st.floats(0, 0.5))
def test_potential_is_the_definition(grid, parent, delta):
    found, censored = potential(grid, parent, 2000, delta)
    assert found in {0.0, *(ratio for ratio, _ in grid)}
    assert potential(grid[::-1], parent, 2000, delta) == (found, censored)
    for ratio, correct in grid:
        if ratio > found:
            assert not holds(correct, parent, 2000, delta)
    wider, _ = potential(grid, parent, 2000, min(delta * 2, 1.0))
    assert wider >= found


def network(id, role, method=None, ratio=0.0):
    return {"kind": "network", "id": id, "role": role, "method": method, "ratio": ratio}


def evaluation(id, distribution, correct, runner="accelerated", total=1000):
    return {
        "kind": "evaluation",
        "id": id,
        "distribution": distribution,
        "correct": correct,
        "total": total,
        "runner": runner,
    }


@pytest.fixture
def rows():
    """WT holds on clean up to 0.9 and on fog at 0.5 only; FT nowhere on fog."""
    counts = {
        "parent": (900, 700),
        "separate": (100, 100),
        "WT-0.5": (900, 696),
        "WT-0.7": (800, 600),
        "WT-0.9": (895, 600),
        "FT-0.4": (899, 600),
    }
    networks = [network("parent", "parent"), network("separate", "separate")]
    networks += [network(f"WT-{r}", "pruned", "WT", r) for r in (0.9, 0.5, 0.7)]
    networks += [network("FT-0.4", "pruned", "FT", 0.4)]
    answers = [
        evaluation(id, name, count)
        for id, pair in counts.items()
        for name, count in zip(("clean", "fog"), pair, strict=True)
    ]
    return networks + answers


def test_potential_rows(rows):
    found = {(r["method"], r["distribution"]): r for r in potentials(rows, 0.005)}
    assert {key: (r["potential"], r["censored"]) for key, r in found.items()} == {
        ("WT", "clean"): (0.9, True),
        ("WT", "fog"): (0.5, False),
        ("FT", "clean"): (0.4, True),
        ("FT", "fog"): (0.0, False),
    }
    assert {(r["kind"], r["runner"]) for r in found.values()} == {("potential", "accelerated")}


def test_recommendation_holds_on_all_listed_distributions_at_once(rows):
    wt, ft = recommend(rows, 0.005)
    assert (wt["ratio"], wt["id"], wt["distributions"]) == (0.5, "WT-0.5", ["clean", "fog"])
    assert (ft["ratio"], ft["id"]) == (None, None)
    assert recommend(rows, 0.005, ["clean"])[0]["id"] == "WT-0.9"


def test_each_runner_has_its_own_reference(rows):
    twins = [
        evaluation(r["id"], r["distribution"], 500, "twin")
        for r in rows
        if r["kind"] == "evaluation"
    ]
    found = potentials([*rows, *twins], 0.005)
    assert [r["potential"] for r in found if r["runner"] == "twin" and r["method"] == "WT"] == [
        0.9,
        0.9,
    ]


def test_unknown_distribution_is_refused(rows):
    with pytest.raises(InputError, match=r"must_hold: no evaluation on mist; known: clean, fog"):
        recommend(rows, 0.005, ["clean", "mist"])


def test_missing_evaluation_and_parent_are_refused(rows):
    missing = [r for r in rows if (r["id"], r.get("distribution")) != ("WT-0.7", "fog")]
    with pytest.raises(InputError, match=r"evaluation of WT-0.7 on fog \(accelerated\)"):
        potentials(missing, 0.005)
    with pytest.raises(InputError, match="one network row with role 'parent', got 0"):
        potentials([r for r in rows if r.get("role") != "parent"], 0.005)


def test_other_pictures_than_the_parents_are_refused(rows):
    changed = [{**r, "total": 999} if r["id"] == "WT-0.7" and "total" in r else r for r in rows]
    with pytest.raises(InputError, match="expected 1000 pictures as for the parent, got 999"):
        potentials(changed, 0.005)
