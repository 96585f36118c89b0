"""Rows as text and as a page."""

import goals
import page
import pytest
import table


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "reached"),
        ({"ratio": 4.4}, "missed"),
        ({"goal": None}, None),
        ({"kind": "missing"}, None),
        ({"zeros": "0", "goal": 0.95, "ratio": 0.9}, "missed"),
        ({"zeros": "0", "goal": 0.95, "ratio": 0.9, "claimed": [0, 4]}, "left to the CPU provider"),
    ],
)
def test_verdicts(timing_row, changes, verdict):
    assert table.verdict({**timing_row, **changes}) == verdict


def test_the_text_is_eighty_columns_wide(timing_row):
    base = {**timing_row, "peer": "onnxruntime", "zeros": "0", "goal": None, "median_us": 1.2e7}
    del base["ratio_low"]
    wide = {"ratio": 12.345, "ratio_low": 10.04, "ratio_high": 14.25, "median_us": 1e6}
    rows = [
        {"kind": "run"},
        base,
        {**timing_row, **wide, "zeros": "90x4", "goal": 15.5},
        {**base, "peer": "onnxruntime-int8", "precision": "int8"},
        {**base, "kind": "missing", "peer": "openvino", "reason": "openvino is not installed"},
        {"kind": "footprint", "case": "resnet50-224", "peer": "sparseprune", "zeros": "90",
         "load_ms": 1234.5, "first_ms": 678.9, "memory_bytes": None},
    ]  # fmt: skip
    lines = table.text(rows).splitlines()
    assert max(map(len, lines)) <= 80
    assert any("90 % in blocks of 4" in line and line.endswith("15.5 <") for line in lines)
    assert any(line.endswith("missing: openvino is not installed") for line in lines)
    assert any("onnxruntime-int8 (int8)" in line for line in lines)


def test_the_page_states_each_miss_with_its_reason(timing_row):
    rows = [timing_row, {**timing_row, "zeros": "80", "ratio": 2.0, "goal": 2.6}]
    reasons = page.sections("intro\n\n## resnet50-224-b1 80\n\nL2: 105 GF of 109.\n\n## other\nx\n")
    assert reasons == {"resnet50-224-b1 80": "L2: 105 GF of 109.", "other": "x"}
    text = "\n".join(page.page(rows, reasons))
    assert "### resnet50-224-b1 80: 2.00 of 2.6\n\nL2: 105 GF of 109." in text
    assert "| sparseprune 90 % | 17.000 | 4.60 | 4.50 to 4.70 | 4.5 | reached |" in text
    assert "Not stated." in "\n".join(page.page(rows, {}))


def test_a_row_of_a_busy_machine_says_so(timing_row):
    text = "\n".join(page.page([{**timing_row, "quiet": False}], {}))
    assert "reached, machine not quiet" in text


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, False),
        ({"first_ms": 500.0}, True),
        ({"first_ms": 500.0, "case": "vgg16-32"}, False),
        ({"memory_bytes": 101 << 20}, True),
        ({"memory_bytes": None}, False),
        ({"peer": "onnxruntime", "first_ms": 5000.0}, False),
    ],
)
def test_starts_are_judged(changes, missed):
    row = {
        "kind": "footprint", "case": "resnet50-224", "peer": "sparseprune", "zeros": "90",
        "load_ms": 700.0, "first_ms": 200.0, "memory_bytes": 99 << 20, "dense_bytes": 100 << 20,
    }  # fmt: skip
    row.update(changes)
    assert page.misses(row) is missed


def test_goals_are_for_cases_that_exist():
    from suite import cases

    assert set(goals.RATIOS) == {case.name for case in cases()}
    for case in cases():
        assert set(goals.RATIOS[case.name]) <= {zeros.name for zeros in case.zeros}
    assert goals.ratio("resnet50-224-b16", "0", "best") == goals.UNPRUNED
    assert goals.ratio("resnet50-224-b16", "90", "avx2") == goals.AVX2["90"]
    assert goals.ratio("resnet50-224-b16", "80", "avx2") is None
