"""The Python of the README is run as it stands."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import sparseprune as sp
from sparseprune import models
from sparseprune.prune import METHODS

README = (Path(__file__).parents[1] / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def train(model, optimizer):
    """One step, enough for momentum to move every weight."""
    model.train()
    model(torch.randn(8, 1, 28, 28)).square().mean().backward()
    optimizer.step()


@pytest.fixture
def given(tmp_path, monkeypatch):
    """What the README's text assumes: a model, pictures, and files from the steps before."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = models.build("resnet8", input_shape=(1, 28, 28), classes=10)
    pictures = torch.randn(4, 1, 28, 28)
    sp.export(model, "wt90.onnx", example_inputs=pictures)
    (tmp_path / "any_pruned.onnx").write_bytes((tmp_path / "wt90.onnx").read_bytes())
    return {
        "model": model,
        "example_inputs": pictures,
        "pictures": pictures,
        "batch": np.zeros((3, 1, 28, 28), np.float32),
        "torch": torch,
        "train": train,
    }


def test_there_are_snippets():
    assert len(SNIPPETS) == 2


def test_running_a_file(given):
    exec(SNIPPETS[0], given)
    assert given["session"].get_inputs()[0].name == "input"
    assert given["logits"].shape == (3, 10)


def test_driving_a_training_loop(given, tmp_path):
    exec("import sparseprune as sp\n" + SNIPPETS[1], given)
    assert given["pruner"].ratio == pytest.approx(0.9, abs=1e-3)
    assert (tmp_path / "pruned.onnx").exists()


def test_the_table_of_methods_is_the_registry():
    rows = re.findall(r"^\| (`.*?) \| (weights|filters|channels) \|", README, re.MULTILINE)
    told = {name: removes for names, removes in rows for name in re.findall("`(.*?)`", names)}
    assert set(told) == set(METHODS)
    for name, removes in told.items():
        assert METHODS[name].removes == ("weights" if removes == "weights" else "filters")
        assert removes.rstrip("s") in METHODS[name].words


def test_every_public_name_is_there():
    for name in sp.__all__:
        assert getattr(sp, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        sp.nothing  # noqa: B018
