"""One small run and one chain of files, made once; the tests look at what they left."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from sparseprune.cli.app import app

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
    """Runs ``sparseprune`` in a folder: in this process, or in its own where ``env`` is given."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, *arguments, code=0, env=None):
        words = [str(argument) for argument in arguments]
        found, stdout, stderr = self._inside(words) if env is None else self._outside(words, env)
        assert found == code, stdout + stderr
        assert "Traceback" not in stderr
        return SimpleNamespace(stdout=stdout, stderr=stderr)

    def json(self, *arguments, **options):
        return json.loads(self(*arguments, "--json", **options).stdout)

    def _inside(self, words):
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            done = CliRunner(env={"COLUMNS": "80"}).invoke(app, words)
        finally:
            os.chdir(before)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout, done.stderr

    def _outside(self, words, env):
        done = subprocess.run(
            [sys.executable, "-m", "sparseprune", *words],
            cwd=self.folder,
            env={**os.environ, "COLUMNS": "80", **env},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr


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
        small("export", f"{name}.safetensors", "-o", f"{name}.onnx", "--tune", "0.2")
    return small
