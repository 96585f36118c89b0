"""Rows as a page."""

import page
import pytest


def test_the_page_states_each_miss_with_its_reason(timing_row):
    rows = [timing_row, {**timing_row, "zeros": "80", "ratio": 2.0, "goal": 2.6}]
    reasons = page.sections("intro\n\n## a *, *-b1 80\n\nL2: 105 GF of 109.\n\n## other\nx\n")
    assert reasons == {"a *, *-b1 80": "L2: 105 GF of 109.", "other": "x"}
    text = "\n".join(page.page(rows, reasons))
    assert "- resnet50-224-b1 80: 2.00 of 2.6\n\nL2: 105 GF of 109." in text
    assert "| sparseprune 90 % | 17.000 | 4.60 | 4.50 to 4.70 | 4.5 | reached |" in text
    assert "Not stated." in "\n".join(page.page(rows, {}))


def test_figures_of_one_reason_stand_together(timing_row):
    rows = [{**timing_row, "zeros": zeros, "ratio": 2.0} for zeros in ("80", "90")]
    text = "\n".join(page.page(rows, {"resnet50-224-b1 *": "L2."}))
    assert "- resnet50-224-b1 80: 2.00 of 4.5\n- resnet50-224-b1 90: 2.00 of 4.5\n\nL2." in text


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
