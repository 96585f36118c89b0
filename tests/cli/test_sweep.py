"""A small sweep, made once; the tests look at what it left and run it again."""

import fcntl
import io
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from sparseprune import records
from sparseprune.cli.sweep_table import SweepTable

RECIPE = """
name: tiny
data: {train: 60, test: 20}
model: {name: feed_forward, options: {hidden: 8}}
train: {epochs: 1}
retrain: {epochs: 1}
prune: [{method: WT, ratios: [0.5]}]
evaluate: {corruptions: [], noise: 0}
measure: {rounds: 2}
sweep: {seeds: [0, 1]}
"""
RUNS = ["feed_forward-seed0", "feed_forward-seed1"]


@pytest.fixture(scope="module")
def sweep(small):
    """The shell in a folder with a finished sweep, and what the plan was before."""
    (small.folder / "tiny.yaml").write_text(RECIPE)
    plan = small.json("sweep", "tiny.yaml", "--dry-run")
    found = small.json("sweep", "tiny.yaml", "--workers", "2")
    return small, plan, found


def test_the_plan_counts_what_is_shared_once(sweep):
    _, plan, _ = sweep
    assert plan["runs"] == RUNS
    kinds = {kind["stage"]: kind for kind in plan["kinds"]}
    assert kinds["train"]["stages"] == 3  # four networks; one run's separate is the other's parent
    assert plan["total"]["to_do"] == plan["total"]["stages"]
    assert plan["total"]["seconds"] is None
    assert plan["total"]["images"] > 0


def test_a_dry_run_makes_nothing(sweep):
    shell, _, _ = sweep
    shell("sweep", "tiny.yaml", "--dry-run", "--out", "nothing")
    assert not (shell.folder / "nothing").exists()


def test_every_run_is_a_folder_the_other_verbs_read(sweep):
    shell, _, found = sweep
    assert [Path(run).name for run in found["runs"]] == RUNS
    for run in found["runs"]:
        rows = records.read_run(Path(run))
        assert {row["id"] for row in records.select(rows, "network")} == {
            "parent",
            "separate",
            "WT-50",
        }
        shell("report", run)
    onnx = Path(found["runs"][0], "onnx", "WT-50.onnx")
    assert "clean" in shell("evaluate", onnx).stdout
    # Nothing is left to do there: no line says that a stage was finished.
    assert " s\n" not in shell("run", Path(run, "recipe.yaml"), "--out", run).stderr


def test_the_summary_is_over_seeds(sweep):
    shell, _, found = sweep
    rows = records.select(found["rows"], "seed_potential", runner="accelerated")
    assert [row["seeds"] for row in rows] == [[0, 1]]
    Path(found["page"]).unlink()
    shell("report", "sweeps/tiny")
    assert "feed_forward" in Path(found["page"]).read_text()


def test_a_second_sweep_makes_nothing_and_knows_the_times(sweep):
    shell, _, _ = sweep
    again = shell("sweep", "tiny.yaml")
    assert " s\n" not in again.stderr
    plan = shell.json("sweep", "tiny.yaml", "--dry-run", "--sweep.seeds", "[0, 1, 2]")
    kinds = {kind["stage"]: kind for kind in plan["kinds"]}
    # Seed 2 was trained to be compared with; its own comparison is new.
    assert kinds["train"]["to_do"] == 1
    assert plan["total"]["seconds"] > 0
    text = shell("sweep", "tiny.yaml", "--dry-run", "--sweep.seeds", "[0, 1, 2]").stdout
    assert max(map(len, text.splitlines()[1:])) <= 80


def test_another_sweep_in_the_folder_is_told_so(sweep):
    shell, _, _ = sweep
    with (shell.folder / "sweeps" / "tiny" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = shell("sweep", "tiny.yaml", code=2)
    assert "another process is working" in done.stderr


def test_stages_that_lost_files_are_made_again(sweep):
    shell, _, found = sweep
    lost = next((Path(found["sweep"]) / "stages").glob("*/onnx/WT-50.onnx"))
    lost.unlink()
    assert shell.json("sweep", "tiny.yaml", "--dry-run")["total"]["to_do"] == 1
    assert "made again, since files were lost: 1\n" in shell("sweep", "tiny.yaml").stderr
    assert lost.exists()
    assert (Path(found["runs"][0]) / "onnx/WT-50.onnx").exists()


def test_a_folder_of_something_else_is_refused(sweep):
    shell, _, _ = sweep
    before = sorted(shell.folder.iterdir())
    stderr = shell("sweep", "tiny.yaml", "-o", ".", code=2).stderr
    assert "expected an empty or a sweep folder; give another --out" in " ".join(stderr.split())
    assert sorted(shell.folder.iterdir()) == before


def test_a_recipe_without_a_sweep_is_refused(sweep):
    done = sweep[0]("sweep", "small.yaml", code=2)
    assert "add sweep: {seeds: [0, 1, 2]}" in done.stderr


def test_what_the_recipe_no_longer_needs_is_shown_and_then_removed(sweep):
    shell, _, found = sweep
    folder = shell.folder / "cleaned"
    shutil.copytree(found["sweep"], folder)
    words = ("sweep", "tiny.yaml", "-o", "cleaned", "--clean")
    assert "needs all that is there" in shell(*words, "--yes").stdout
    fewer = (*words, "--sweep.seeds", "[0]")
    shown = shell(*fewer).stdout
    assert "run feed_forward-seed1" in shown
    assert "nothing was removed" in shown
    assert max(map(len, shown.splitlines()[1:])) <= 80
    for dry in ((), ("--yes", "--dry-run")):
        assert shell.json(*fewer, *dry)["removed"] is False
    assert "--yes: expected --clean with it" in shell("sweep", "tiny.yaml", "--yes", code=2).stderr
    before = shell.json(*fewer)["folders"]
    assert all((folder / name).exists() for name in before)
    gone = shell.json(*fewer, "--yes")
    assert (gone["folders"], gone["removed"]) == (before, True)
    assert not any((folder / name).exists() for name in before)
    plan = shell.json("sweep", "tiny.yaml", "-o", "cleaned", "--dry-run", "--sweep.seeds", "[0]")
    assert plan["total"]["to_do"] == 0
    assert (folder / "runs/feed_forward-seed0/report.html").exists()
    assert "feed_forward-seed1" not in (folder / "summary.html").read_text()
    assert {tuple(row["seeds"]) for row in records.read(folder / "records/summary.jsonl")} == {(0,)}
    shell(*words, "--sweep.seeds", "[7]", "--yes")
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "records", "runs", "stages"]


def test_ctrl_c_leaves_a_sweep_that_goes_on(sweep):
    shell, _, _ = sweep
    words = [sys.executable, "-m", "sparseprune", "sweep", "tiny.yaml", "--out", "cut"]
    words += ["--workers", "1", "--sweep.seeds", "[0]"]
    run = subprocess.Popen(words, cwd=shell.folder, stderr=subprocess.PIPE, text=True)
    made = shell.folder / "cut" / "stages"
    end = time.monotonic() + 120
    while not (made.exists() and any(made.iterdir())):
        assert time.monotonic() < end
        time.sleep(0.05)
    workers = psutil.Process(run.pid).children(recursive=True)
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "what had finished is kept" in stderr
    assert not psutil.wait_procs(workers, timeout=30)[1]
    before = {path.name for path in made.iterdir()}
    plan = shell.json("sweep", "tiny.yaml", "--out", "cut", "--sweep.seeds", "[0]", "--dry-run")
    assert plan["total"]["stages"] - plan["total"]["to_do"] == len(before) > 0


def test_the_table_fits_80_columns():
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    long = "a-network-whose-name-has-no-end-at-all-seed0"
    table = SweepTable(console, {long: [f"{long} train parent", f"{long} judge"], "b": ["b judge"]})
    table.skipped("b judge")
    table.progressed(f"{long} train parent", 0.42, "loss 1.0")
    console.print(table.table())
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any("0/2" in line and "train parent  42%" in line for line in lines)
    assert any(line.split() == ["b", "1/1", "done"] for line in lines)
    table.finished(f"{long} train parent", 3.0)
    table.progressed(f"{long} train parent", 0.9, "late")
    assert "90%" not in "".join(str(cell) for cell in table.table().columns[2].cells)
