"""A run of everything at once: schedules, steps, rewinding, distillation and both controls."""

from pathlib import Path

import pytest

from sparseprune import records
from sparseprune.formats import checkpoint

WIDE = """
name: wide
data: {train: 200, test: 50, validation: 0.2}
model: {name: feed_forward, options: {hidden: 16}}
train: {epochs: 2, batch_size: 40, lr: 0.05}
retrain: {epochs: 1, mode: rewind_weights, rewind: 1, distill: {weight: 0.5}}
prune:
  - {method: SiPP, ratios: [0.5, 0.8], steps: 3}
  - {method: FT, ratios: [0.5], schedule: gradual, steps: 2}
controls: [extended, small]
evaluate: {corruptions: [fog], noise: 0}
measure: {rounds: 3}
"""
PRUNED = {"SiPP-50", "SiPP-80", "FT-50"}
CONTROLS = {"extended-1", "extended-2", "small-50", "small-80"}


@pytest.fixture(scope="module")
def run(small):
    (small.folder / "wide.yaml").write_text(WIDE)
    small("run", "wide.yaml", "--out", "wide")
    return Path(small.folder, "wide")


def test_every_network_is_made_and_none_leaves_its_state_behind(run):
    made = {path.name for path in (run / "checkpoints").iterdir()}
    names = {"parent", "separate", *PRUNED, *CONTROLS}
    slims = {f"{name}-slim" for name in PRUNED if name.startswith("FT")}
    assert made == {f"{name}.safetensors" for name in {*names, *slims, "parent-early"}}


def test_each_comes_from_where_its_schedule_says(run):
    def load(name):
        return checkpoint.load(run / "checkpoints" / f"{name}.safetensors")

    sources = {name: load(name).meta["source"] for name in (*PRUNED, "extended-1", "extended-2")}
    digest = {name: checkpoint.digest(load(name).state) for name in ("parent", *sources)}
    parents = [name for name, source in sources.items() if source == digest["parent"]]
    assert set(parents) == {"SiPP-50", "FT-50", "extended-1"}
    assert sources["SiPP-80"] == digest["SiPP-50"]
    assert sources["extended-2"] == digest["extended-1"]


def test_controls_are_evaluated_timed_and_shown_but_recommended_by_nobody(run):
    rows = records.read_run(run)
    by_id = {row["id"]: row for row in records.select(rows, "network")}
    assert {id for id, row in by_id.items() if row["role"] == "control"} == CONTROLS
    for kind in ("evaluation", "latency"):
        assert {row["id"] for row in records.select(rows, kind)} >= CONTROLS
    methods = {row["method"] for row in records.select(rows, "potential")}
    assert methods == {"SiPP", "FT"}
    assert {row["id"] for row in records.select(rows, "verdict")} == {"parent", *PRUNED}
    assert "Pruned networks against dense controls" in (run / "report.html").read_text()


def test_small_controls_are_as_large_as_what_is_left(run):
    rows = records.read_run(run)
    channel = 784 + 1 + 10  # parameters of one of the 16 hidden channels
    for percent in (50, 80):
        (row,) = records.select(rows, "network", id=f"small-{percent}")
        wanted = (1 - percent / 100) * (16 * channel + 10)
        assert abs(row["params"] - wanted) <= channel / 2 + 10
        (losses,) = (it["losses"] for it in records.select(rows, "training", id=row["id"]))
        # The training, and one epoch (from its first on) for each retraining.
        assert len(losses) == 2 + row["cycles"]
