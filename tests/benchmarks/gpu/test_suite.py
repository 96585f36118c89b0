"""What a GPU measured is kept; what no GPU measured never is."""

import argparse
import importlib
import json

import pytest
import torch

from sparseprune import records
from sparseprune.errors import GateError, InputError
from sparseprune.kernels import winners

pytest.importorskip("triton")
contest = importlib.import_module("gpu.contest")
suite = importlib.import_module("gpu.suite")
Place = importlib.import_module("gpu.place").Place

GPU = "NVIDIA H100 80GB HBM3"
RIGHT = torch.ones(2, 3)
PRODUCT = {"type": "bfloat16", "rows": 64, "width": 16, "m": 4096, "groups": 64, "longest": 16}
TILING = {"block_m": 128, "warps": 4, "stages": 4, "splits": 1}


def entry(peer, answer, *, ours=True, **facts):
    def prepare():
        attempt = contest.Attempt([lambda: answer], facts)
        return contest.Prepared(RIGHT.double(), [attempt])

    return contest.Entry(peer, "75", prepare, ours, dense=peer == "base")


@pytest.fixture
def measured(monkeypatch, ticks, tmp_path):
    """Run the suite as on a GPU whose clock shows ``times``, with one case of ``entries``."""

    def run(entries, times, *, dry=False, only=(), synchronize=lambda: None):
        case = contest.Case("some-case", lambda: entries)
        device = torch.device("cpu" if dry else "cuda")
        monkeypatch.setattr(suite.places, "here", lambda dry: Place(device, 1, 1))
        head = {"gpu": GPU, "capability": "9.0", "versions": {"torch": "2.13"}}
        monkeypatch.setattr(suite.places, "facts", lambda place: head)
        monkeypatch.setattr(suite, "Graphs", lambda: ticks(*times))
        monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
        monkeypatch.setattr(suite, "PARTS", {"linear": lambda place: iter([case])})
        options = argparse.Namespace(part=["linear"], budget=60, dry=dry, only=list(only))
        before = torch.backends.cudnn.benchmark
        try:
            suite.main(options, tmp_path, lambda *text: None, tmp_path)
        finally:
            torch.backends.cudnn.benchmark = before
        return sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.json*"))

    return run


def test_rows_and_winners_are_kept(measured, tmp_path, capsys):
    ours = [entry(peer, RIGHT, product=PRODUCT, tiling=TILING) for peer in ("one", "two")]
    rows = "gpu/nvidia-h100-80gb-hbm3/linear.jsonl"
    files = measured([entry("base", RIGHT), *ours], [100.0, 50.0, 40.0, 102.0])
    assert files == [rows, "nvidia-h100-80gb-hbm3.json"]
    run, *found = records.read(tmp_path / rows)
    about = {"kind": "run", "gpu": GPU, "versions": {"torch": "2.13"}, "part": "linear"}
    assert about.items() <= run.items()
    assert [row["median_us"] for row in found] == [100.0, 50.0, 40.0]
    assert {row["gpu"] for row in found} == {GPU}
    (winner,) = winners.winners(GPU, tmp_path)
    assert (winner.us, winner.tiling) == (40.0, (128, 4, 4, 1))
    assert json.loads((tmp_path / files[1]).read_text())["versions"] == {"torch": "2.13"}
    assert "two 75 %" in capsys.readouterr().out


def test_a_selection_is_only_shown(measured):
    assert measured([entry("base", RIGHT)], [9.0, 9.0], only=["some-case"]) == []
    with pytest.raises(InputError, match="no case 'other' in these parts; there are: some-case"):
        measured([entry("base", RIGHT)], [], only=["other"])


def test_a_wrong_answer_fails_the_run_and_has_no_time(measured, tmp_path):
    with pytest.raises(GateError, match="no time was taken: some-case ours 75"):
        measured([entry("base", RIGHT), entry("ours", RIGHT * 2, product=PRODUCT)], [9.0, 9.0])
    (file,) = tmp_path.rglob("*.jsonl")
    assert [row.get("median_us") for row in records.read(file)] == [None, 9.0, None]
    assert not list(tmp_path.glob("*.json"))


def test_a_wrong_answer_of_another_is_a_row(measured, tmp_path):
    measured([entry("base", RIGHT), entry("theirs", RIGHT * 2, ours=False)], [9.0, 9.0])
    (file,) = tmp_path.rglob("*.jsonl")
    assert records.read(file)[2]["wrong"] is True


def test_a_dry_run_keeps_nothing(measured, tmp_path):
    assert measured([entry("base", RIGHT)], [], dry=True) == []
    row = {"kind": "checked", "case": "some-case"}
    for dry, rows in ((True, []), (False, [row])):
        head = {"kind": "run", "dry": dry, "gpu": GPU}
        with pytest.raises(InputError, match="expected rows measured on a GPU"):
            suite.keep(head, rows, part="p", results=tmp_path, configs=tmp_path)
    assert list(tmp_path.iterdir()) == []


def stopped():
    raise KeyboardInterrupt


def test_what_was_measured_survives_a_run_that_is_stopped(measured, tmp_path):
    last = contest.Entry("hangs", "75", stopped)
    with pytest.raises(KeyboardInterrupt):
        measured([entry("base", RIGHT), entry("ours", RIGHT), last], [10.0, 5.0])
    (file,) = tmp_path.rglob("*.jsonl")
    assert [row.get("ratio") for row in records.read(file)] == [None, 1, 2]


def test_a_gpu_that_is_lost_ends_the_run_and_loses_nothing(measured, tmp_path):
    def synchronize():
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")

    with pytest.raises(InputError, match=r"got in some-case: CUDA error: an illegal .* is kept"):
        measured([entry("base", RIGHT)], [10.0, 10.0], synchronize=synchronize)
    (file,) = tmp_path.rglob("*.jsonl")
    assert records.read(file)[1]["median_us"] == 10.0


def run_of(number, *rows):
    return [{"kind": "run", "number": number}, *rows]


def timed(case, us):
    return {"kind": "timing", "case": case, "median_us": us}


def late(case):
    return {"kind": "missing", "case": case, "late": True}


def test_a_run_that_did_not_come_to_a_case_leaves_its_older_rows():
    old = run_of(1, timed("a", 1), timed("a", 2), timed("b", 3))
    assert suite.merged(run_of(2, late("a"), late("b")), old) == old
    assert suite.merged(run_of(2, late("a")), []) == run_of(2, late("a"))
    new = run_of(2, timed("a", 4), timed("a", 5), late("b"))
    assert suite.merged(new, old) == run_of(1, timed("b", 3)) + new[:3]
    # Cut off within a case, or not at its end yet.
    assert suite.merged(run_of(2, timed("a", 4), late("a")), old) == old
    assert suite.merged(run_of(2, timed("a", 4)), old, "a") == old
    # Done, with one contestant fewer.
    gone = {"kind": "missing", "case": "a"}
    new = run_of(2, timed("a", 4), gone)
    assert suite.merged(new, old) == run_of(1, timed("b", 3)) + new
    assert suite.merged(new, new) == new
