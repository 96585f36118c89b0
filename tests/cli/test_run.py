import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sparseprune import records
from sparseprune.formats import checkpoint, mask

NETWORKS = {"parent", "separate", "WT-50", "WT-90", "FT-70"}


@pytest.fixture(scope="module")
def run(small):
    """The folder of a finished run, what the command said, and how long it took."""
    found = small.json("run", "small.yaml", "--out", "run")
    return Path(small.folder, "run"), found


def test_everything_a_run_promises_is_there(run):
    folder, _ = run
    assert {path.stem for path in (folder / "onnx").iterdir()} == NETWORKS
    assert {path.stem for path in (folder / "masks").iterdir()} == {"WT-50", "WT-90", "FT-70"}
    assert {path.stem for path in (folder / "checkpoints").iterdir()} >= NETWORKS
    assert (folder / "recipe.yaml").exists()
    assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_records_hold_every_answer(run):
    rows = records.read_run(run[0])
    assert {row["id"] for row in records.select(rows, "network")} == NETWORKS
    shown = {row["distribution"] for row in records.select(rows, "evaluation")}
    assert shown == {"clean", "fog", "gaussian_noise", "noise"}
    # Five networks as deployed, four of them with a twin, on four distributions.
    assert len(records.select(rows, "evaluation")) == (5 + 4) * 4
    assert len(records.select(rows, "hidden_loss")) == 4 * 4
    assert {row["id"] for row in records.select(rows, "latency")} == NETWORKS
    assert len(records.select(rows, "verdict")) == 4


def test_the_accelerated_networks_lost_nothing_more(run):
    rows = records.read_run(run[0])
    for verdict in records.select(rows, "verdict"):
        assert verdict["passed"], verdict
        assert verdict["total"] == 4 * 200
    assert run[1]["verdicts"] == records.select(rows, "verdict")


def test_sparse_networks_run_on_our_provider_and_slim_ones_on_the_cpu_provider(run):
    rows = records.read_run(run[0])
    by_id = {row["id"]: row for row in records.select(rows, "network")}
    assert by_id["WT-90"]["provider"] == "SparsePruneExecutionProvider"
    assert by_id["WT-90"]["form"] == "sparse"
    claimed = by_id["WT-90"]["claimed"]
    assert claimed is None or claimed["nodes"] == claimed["of"] > 20
    slim = by_id["FT-70"]
    assert slim["provider"] == "CPUExecutionProvider"
    assert (slim["form"], slim["coupling"], slim["round_to"]) == ("slim", "group", 8)
    assert slim["params"] < by_id["parent"]["params"]
    assert all(after % 8 == 0 for name, (_, after) in slim["channels"].items() if name != "fc")


def test_ratios_are_achieved_and_masks_only_shrink(run):
    folder, _ = run
    state = {
        name: checkpoint.load(folder / "checkpoints" / f"{name}.safetensors")
        for name in ("parent", "WT-50", "WT-90")
    }
    dense = state["parent"].meta["dense"]["params"]
    for name, target in (("WT-50", 0.5), ("WT-90", 0.9)):
        left = int((1 - target) * dense + 0.5)
        assert abs(state[name].meta["counts"]["params"] - left) <= 1
    first, second = (mask.load(folder / "masks" / f"WT-{ratio}.safetensors") for ratio in (50, 90))
    for name, kept in second.items():
        assert not (kept & ~first.get(name, kept)).any()


def test_a_second_run_resumes_and_ends_at_once(run, small):
    start = time.perf_counter()
    again = small.json("run", "small.yaml", "--out", "run")
    assert time.perf_counter() - start < 10
    assert again == run[1]


def test_a_lost_file_is_made_again_and_alike(run, small):
    folder, _ = run
    lost = folder / "checkpoints" / "WT-50.safetensors"
    before = checkpoint.digest(checkpoint.load(lost).state)
    lost.unlink()
    done = small("run", "small.yaml", "--out", "run")
    assert "prune WT-50" in done.stderr
    assert "train parent" not in done.stderr
    # The same recipe and seed give the same network on the same machine.
    assert checkpoint.digest(checkpoint.load(lost).state) == before


def test_a_damaged_file_of_the_run_is_named_with_the_remedy(run, small):
    folder, _ = run
    path = folder / "onnx" / "WT-90.onnx"
    whole, latency = path.read_bytes(), folder / "records" / "latency.jsonl"
    path.write_bytes(whole[:1000])
    latency.unlink()
    done = small("run", "small.yaml", "--out", "run", code=2)
    assert "WT-90.onnx" in done.stderr
    assert "delete it and run the same command again" in done.stderr
    path.unlink()
    small("run", "small.yaml", "--out", "run")
    assert latency.exists()
    assert path.exists()


def test_the_report_comes_back_from_the_records_alone(run, small, tmp_path):
    folder, _ = run
    copy = tmp_path / "copy"
    (copy / "records").mkdir(parents=True)
    for file in (folder / "records").iterdir():
        (copy / "records" / file.name).write_bytes(file.read_bytes())
    for place in (folder, copy):
        small("report", place)
    assert (copy / "report.html").read_bytes() == (folder / "report.html").read_bytes()


def test_another_recipe_is_kept_out(run, small):
    done = small("run", "small.yaml", "--out", "run", "--seed", "5", code=2)
    assert "expected a folder of this recipe" in done.stderr


def test_a_failed_check_is_said_and_ends_with_3(run, small, tmp_path):
    failed = {"passed": False, "sentence": "FURTHER LOSS: planted"}
    copy = copied(run, tmp_path)
    change(copy / "records" / "judgement.jsonl", failed, kind="verdict", id="WT-90")
    done = small("run", "small.yaml", "--out", copy, "--json", code=3)
    assert "WT-90: FURTHER LOSS: planted" in done.stderr
    assert json.loads(done.stdout)["run"] == str(copy)


def test_networks_that_ran_dense_are_named_with_the_reason(run, small, tmp_path):
    copy = copied(run, tmp_path)
    for name, loaded in (("WT-50", True), ("WT-90", False)):
        dense = {"provider": "CPUExecutionProvider", "loaded": loaded}
        change(copy / "records" / f"network-{name}.jsonl", dense, kind="network")
    said = " ".join(small("run", "small.yaml", "--out", copy).stdout.split())
    assert "NOTHING RAN SPARSE for WT-50: our provider estimated that no part would" in said
    assert "NOTHING RAN SPARSE for WT-90: our provider did not load; see: sparse" in said


def copied(run, tmp_path):
    """A copy of the run's folder, to edit."""
    return shutil.copytree(run[0], tmp_path / "copy", ignore=shutil.ignore_patterns(".lock"))


def change(path, fields, **which):
    rows = records.read(path)
    for row in records.select(rows, **which):
        row.update(fields)
    records.write(path, rows)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_workers_end_with_the_run(small, number, code):
    words = [sys.executable, "-m", "sparseprune", "run", "small.yaml", "--train.epochs", "500"]
    words += ["--out", f"ended-{int(number)}"]
    run = subprocess.Popen(words, cwd=small.folder, stderr=subprocess.PIPE, text=True)
    workers = _until(lambda: _training(psutil.Process(run.pid)))
    run.send_signal(number)
    _, stderr = run.communicate(timeout=30)
    assert run.returncode == code
    assert "Traceback" not in stderr
    assert _until(lambda: not psutil.wait_procs(workers, timeout=0.1)[1])


def _training(process):
    """Both workers, once they compute."""
    busy = [child for child in process.children() if child.cpu_times().user > 2]
    return busy if len(busy) == 2 else None


def _until(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    return pytest.fail(f"not within {seconds} s")
