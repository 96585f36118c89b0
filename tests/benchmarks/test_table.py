"""Rows as text."""

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


def test_rows_of_a_gpu_are_in_microseconds():
    shared = {"case": "linear", "peer": "grouped 64x16", "zeros": "75", "gpu": "a GPU"}
    timed = {"kind": "timing", "median_us": 12.3456, "ratio": 2.5, "goal": 2.0}
    reason = "RuntimeError: " + "x" * 200
    rows = [
        {**shared, "kind": "ceiling", "case": "ceilings", "peer": "copy", "zeros": "0",
         "median_us": 700.25, "tb_per_s": 3.0123, "tflop_per_s": 0.0},
        {**shared, **timed},
        {**shared, "kind": "checked", "error": 0.00123},
        {**shared, "kind": "missing", "reason": reason},
        {**shared, **timed, "ratio": None, "goal": None, "peer": "alone"},
        {**shared, **timed, "case": "network", "zeros": "0", "peer": "slim", "ratio": 1.5},
    ]  # fmt: skip
    lines = table.text(rows).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split() == ["copy", "700.25", "us,", "3.01", "TB/s"] for line in lines)
    timed_line = ["grouped", "64x16", "75", "%", "12.346", "2.50", "2"]
    assert timed_line in [line.split() for line in lines]
    assert any(line.endswith("right, error 1.2e-03") for line in lines)
    assert ["alone", "75", "%", "12.346"] in [line.split() for line in lines]
    assert "us" in lines[1]
    assert lines[-1].endswith("2 <")
