import pytest
import torch

from sparseprune import recipe as recipes
from sparseprune import train
from sparseprune.errors import InputError
from sparseprune.pipeline import checks

TASKS = ("train parent", "train extended-1", "train small-50", "prune WT-50")


@pytest.fixture(autouse=True)
def _cpu(monkeypatch):
    monkeypatch.setattr(train.workers, "device", lambda: torch.device("cpu"))


def recipe(**changes):
    document = {"prune": [{"method": "WT", "ratios": [0.5]}], "controls": ["extended", "small"]}
    return recipes.parse({**document, **changes}, "test")


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_only_what_is_still_to_be_trained_needs_the_device(precision):
    asked = recipe(retrain={"epochs": 2, "precision": precision})
    for task in ("prune WT-50", "train extended-1"):
        with pytest.raises(InputError, match=f"^retrain.precision: .* cpu, got {precision}; mixed"):
            checks.device(asked, {task})
    checks.device(asked, {"train parent", "train small-50", "export WT-50"})


@pytest.mark.parametrize("mode", ["rewind_lr", "rewind_weights"])
def test_what_rewinds_trains_as_the_parent_did(mode):
    checks.device(recipe(retrain={"mode": mode, "rewind": 1, "precision": "float16"}), TASKS)
    asked = recipe(train={"precision": "float16"}, retrain={"mode": mode, "rewind": 1})
    with pytest.raises(InputError, match=r"^train\.precision: "):
        checks.device(asked, {"prune WT-50"})


def test_auto_is_what_the_device_has():
    auto = {"precision": "auto"}
    checks.device(recipe(train=auto, retrain={"epochs": 1, **auto}), TASKS)
