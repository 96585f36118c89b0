"""A checkpoint that names the user's own network: verbs import it on the user's word alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from sparseprune.formats import checkpoint

ROOT = Path(checkpoint.__file__).parents[2]
CODE = """
from pathlib import Path
from torch import nn

Path(__file__).with_suffix(".imported").touch()

def net(widths):
    return nn.Sequential(nn.Flatten(), nn.Linear(4, widths[0]), nn.ReLU(), nn.Linear(widths[0], 3))
"""


@pytest.fixture
def own(tmp_path):
    """A checkpoint with two dead channels, and the module that builds its network."""
    (tmp_path / "mine.py").write_text(CODE)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    with torch.no_grad():
        model[1].weight[:2], model[1].bias[:2] = 0, 0
    section = {"name": "mine:net", "options": {"widths": [6]}, "input_shape": [1, 2, 2]}
    meta = {"recipe": {"model": {"name": "mine:net"}}}
    stored = checkpoint.Checkpoint({**section, "classes": 3}, model.state_dict(), meta)
    checkpoint.save(tmp_path / "own.safetensors", stored)
    return tmp_path


def slim(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sparseprune", "slim", "own.safetensors", "-o"]
    return subprocess.run(
        [*command, "slim.safetensors", "--round-to", "1", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("options", [(), ("--allow", "other:net")])
def test_without_a_word_for_it_nothing_is_imported(own, options):
    done = slim(own, *options)
    assert done.returncode == 2
    assert "model 'mine:net': expected your word before importing" in done.stderr
    assert "--allow mine:net" in done.stderr
    assert not (own / "mine.imported").exists()


def test_with_it_the_verb_says_what_it_imports_and_works(own):
    done = slim(own, "--allow", "mine:net")
    assert done.returncode == 0, done.stderr
    assert "importing mine:net" in done.stderr
    slimmed = checkpoint.load(own / "slim.safetensors")
    assert slimmed.state["1.weight"].shape == (4, 4)
