"""Rows as a page."""

import page
import pytest

from sparseprune import records


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


def test_a_page_of_gpus():
    head = {
        "kind": "run", "suite": "gpu", "gpu": "NVIDIA L4", "capability": "8.9", "part": "linear",
        "versions": {"torch": "2.13", "triton": "3.9", "cudnn": None},
    }  # fmt: skip
    shared = {"case": "linear-1", "gpu": "NVIDIA L4", "base": "cublas", "zeros": "75"}
    timed = {"kind": "timing", "median_us": 50.0, "ratio": 1.5, "noise": None, "goal": 2.0}
    rows = [
        head,
        {"kind": "ceiling", "case": "ceilings", "peer": "copy", "gpu": "NVIDIA L4",
         "median_us": 7.0, "tb_per_s": 0.25, "tflop_per_s": 0.0},
        {**shared, **timed, "peer": "grouped 64x16"},
        {**shared, "kind": "missing", "peer": "torch bsr", "reason": "no such layout"},
    ]  # fmt: skip
    text = "\n".join(page.page(rows, {"linear-1 75": "Shared memory."}, "gpu"))
    assert text.startswith("# GPU benchmarks")
    assert "- linear: NVIDIA L4, compute capability 8.9; torch 2.13, triton 3.9" in text
    assert "## ceilings, NVIDIA L4\n\n- copy: 7.00 us, 0.25 TB/s" in text
    assert "Noise of the base against itself: unknown." in text
    assert "| contestant | us | over cublas |" in text
    assert "| grouped 64x16 75 % | 50.000 | 1.50 |  | 2 | missed |" in text
    assert "| torch bsr 75 % |  |  |  |  | no such layout |" in text
    assert "- linear-1 75: 1.50 of 2\n\nShared memory." in text


def test_rows_on_disk_become_pages(timing_row, tmp_path, monkeypatch):
    results = tmp_path / "results"
    (results / "gpu" / "l4").mkdir(parents=True)
    records.write(results / "cpu.jsonl", [{**timing_row, "case": "dense"}])
    records.write(results / "cpu-avx2.jsonl", [{**timing_row, "case": "capped"}])
    monkeypatch.setattr(page, "RESULTS", results)
    page.main()
    text = (results / "cpu.md").read_text()
    assert text.index("## dense") < text.index("## capped")
    assert not (results / "gpu.md").exists()
    row = {"kind": "timing", "case": "c", "gpu": "L4", "base": "b", "peer": "p", "zeros": "0",
           "median_us": 1.0, "ratio": 0.5, "noise": 0.1, "goal": 2.0}  # fmt: skip
    records.write(results / "gpu" / "l4" / "linear.jsonl", [row])
    with pytest.raises(SystemExit, match=r"no reason in .*missed.md for: c 0"):
        page.main()
    assert "## c, L4" in (results / "gpu.md").read_text()
