"""One small run and one chain of files, made once; the tests look at what they left."""

import json
import os
import subprocess
import sys

import pytest

SMALL = """
name: small
data: {train: 600, test: 200}
train: {epochs: 2}
retrain: {epochs: 1}
prune:
  - {method: WT, ratios: [0.5, 0.9]}
  - {method: FT, ratios: [0.7]}
evaluate: {corruptions: [fog, gaussian_noise]}
measure: {rounds: 3}
"""


class Shell:
    """Runs ``sparseprune`` in a folder, as a person would."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, *arguments, code=0, env=None):
        done = subprocess.run(
            [sys.executable, "-m", "sparseprune", *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, "COLUMNS": "80", **(env or {})},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments, **options):
        return json.loads(self(*arguments, "--json", **options).stdout)


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A shell in a folder that holds the small recipe."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "small.yaml").write_text(SMALL)
    return Shell(folder)


@pytest.fixture(scope="session")
def chain(small):
    """The shell, after every verb has made its file from the one before."""
    small("train", "small.yaml", "-o", "parent.safetensors")
    small("prune", "parent.safetensors", "--ratio", "0.9", "-o", "wt.safetensors")
    small(
        *("prune", "parent.safetensors", "--method", "FT", "--ratio", "0.7"),
        *("-o", "ft.safetensors", "--masks", "masks.safetensors"),
    )
    small("slim", "ft.safetensors", "-o", "slim.safetensors")
    for name in ("parent", "wt", "slim"):
        small("export", f"{name}.safetensors", "-o", f"{name}.onnx")
    return small
