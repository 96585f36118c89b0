"""A real Ray cluster of two workers; ``on_ray.py`` is the program that runs there."""

import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from sparseprune.errors import InputError
from sparseprune.sweep.cluster import Cluster

HERE = Path(__file__).parent
RECIPE = """
data: {train: 60, test: 20}
model: {name: feed_forward, options: {hidden: 8}}
train: {epochs: 1}
retrain: {epochs: 1}
prune: [{method: WT, ratios: [0.5]}]
evaluate: {corruptions: [], noise: 0}
measure: {rounds: 2}
sweep: {seeds: [0]}
"""
INSTALLED = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not INSTALLED, reason="ray is not installed (sparseprune[ray])")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ray")
    (folder / "sweep.yaml").write_text(RECIPE)
    path = os.pathsep.join([str(HERE), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, HERE / "on_ray.py", folder],
        env={**os.environ, "PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_ray
@pytest.mark.slow
def test_a_killed_workers_task_is_begun_again_and_no_other(found):
    killed = found["killed"]
    every = {*(f"task{number}" for number in range(5)), "last"}
    assert sorted(killed["ended"]) == sorted(every) == sorted(killed["finished"])
    assert killed["ended"][-1] == "last"
    twice = [name for name, count in Counter(killed["begun"]).items() if count > 1]
    assert len(twice) == 1
    assert len(killed["begun"]) == len(every) + 1


@needs_ray
@pytest.mark.slow
def test_errors_arrive_as_what_they_were(found):
    assert found["error"] == "bad: planted"


@needs_ray
@pytest.mark.slow
def test_a_sweep_outlives_the_loss_of_a_machine(found):
    sweep = found["sweep"]
    assert sweep["whole"]
    assert sorted(sweep["finished"]) == sorted(sweep["labels"])
    assert [Path(run).name for run in sweep["runs"]] == ["feed_forward-seed0"]
    assert "feed_forward-seed0 train parent" in sweep["progress"]


@pytest.mark.skipif(INSTALLED, reason="ray is installed")
def test_without_ray_the_extra_is_named():
    with pytest.raises(InputError, match=r"pip install 'sparseprune\[ray\]'"):
        Cluster("127.0.0.1:6379")
