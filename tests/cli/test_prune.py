"""The verbs train and prune: every key is an option, they resume, and workers share the work."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
import torch

from sparseprune import prune
from sparseprune.formats import checkpoint

TINY = """
data: {train: 200, test: 50, validation: 0.2}
model: {name: feed_forward, options: {hidden: 12}}
train: {epochs: 2, batch_size: 40, lr: 0.05}
retrain: {epochs: 2, batch_size: 40, lr: 0.02, mode: rewind_weights, rewind: 0.5}
prune: [{method: WT, ratios: [0.5]}]
"""


@pytest.fixture(scope="module")
def tiny(small):
    """The shell, after it has trained a network of 12 hidden channels."""
    (small.folder / "tiny.yaml").write_text(TINY)
    small("train", "tiny.yaml", "-o", "tiny.safetensors")
    return small


def load(shell, name):
    return checkpoint.load(shell.folder / f"{name}.safetensors")


def test_help_names_every_method(small):
    text = small("prune", "--help").stdout
    assert all(name in text and method.words[:30] in text for name, method in prune.METHODS.items())
    assert all(len(line) <= 80 for line in text.splitlines())


def test_every_key_of_an_entry_is_an_option(tiny):
    found = tiny.json(
        *("prune", "tiny.safetensors", "-o", "keys.safetensors", "--method", "SiPP"),
        *("--ratio", 0.5, "--unit", "weights", "--schedule", "gradual", "--steps", 2),
        *("--until", 0.4, "--allocation", "uniform", "--pattern", "2x1", "--ignore", "fc2"),
        *("--retrain.mode", "restart", "--retrain.rewind", 0),
    )
    assert found["method"] == "SiPP"
    made = load(tiny, "keys").meta["pruning"]
    assert made == {
        "method": "SiPP",
        "ratios": [0.5],
        "unit": "weights",
        "schedule": "gradual",
        "steps": 2,
        "until": 0.4,
        "coupling": "group",
        "allocation": "uniform",
        "pattern": "2x1",
        "round_to": 1,
        "ignored_layers": ["fc2"],
        "prune_output_layer": False,
    }
    zeros = load(tiny, "keys").state["fc1.weight"] == 0
    assert torch.equal(zeros[0::2], zeros[1::2])


def test_filters_are_rounded(tiny):
    tiny(
        *("prune", "tiny.safetensors", "-o", "ft.safetensors", "--method", "FT", "--ratio", 0.6),
        *("--round-to", 4),
    )
    assert int(load(tiny, "ft").state["fc1.weight"].any(1).sum()) == 4


def test_the_network_that_is_pruned_stays(tiny):
    dense = (tiny.folder / "tiny.safetensors").read_bytes()
    for words in (
        ("-o", "tiny.safetensors"),
        ("-o", "no.safetensors", "--masks", "tiny.safetensors"),
    ):
        done = tiny("prune", "tiny.safetensors", "--ratio", 0.5, *words, code=2)
        assert "expected a file to write, got one that is read" in done.stderr
    assert (
        "got one that is read"
        in tiny("slim", "tiny.safetensors", "-o", "tiny.safetensors", code=2).stderr
    )
    assert (tiny.folder / "tiny.safetensors").read_bytes() == dense


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (("--ratio", 1.5), "sparseprune: --ratio: Input should be less than 1, got 1.5"),
        (("--ratio", 0.5, "--steps", 0), "sparseprune: --steps: Input should be greater than 0"),
        (("--ratio", 0.5, "--round-to", 0), "sparseprune: --round-to: Input should be greater"),
        (("--ratio", 0.5, "--method", "wt"), "sparseprune: --method: Input should be 'WT'"),
        (("--ratio", 0.5, "--retrain.epochs", 0), "sparseprune: --retrain.epochs: Input should"),
        (("--ratio", 0.5, "--ignore", "stem"), "sparseprune: --ignore: expected 'stem' to match"),
        (("--ratio", 0.5, "--pattern", "4"), "sparseprune: --pattern: expected outputs x inputs"),
        (("--ratio", 0.5, "--schedule", "gradual"), "gradual: expected steps of 2 or more"),
    ],
)
def test_a_mistake_is_named_as_it_was_typed(tiny, typed, sentence):
    words = ("prune", "tiny.safetensors", "-o", "no.safetensors")
    assert sentence in tiny(*words, *typed, code=2).stderr


def test_early_weights_lie_beside_the_network_or_where_one_says(tiny):
    assert (tiny.folder / "tiny-early.safetensors").exists()
    words = ("prune", "tiny.safetensors", "--ratio", 0.5)
    tiny(*words, "-o", "rewound.safetensors")
    # Epochs 0.5 to 2 of the training, in two pieces.
    assert len(load(tiny, "rewound").meta["losses"]) == 2
    done = tiny(*words, "-o", "no.safetensors", "--early", "gone.safetensors", code=2)
    assert "early weights in gone.safetensors, found none" in done.stderr


def test_a_pruned_network_needs_to_be_told_its_parent(tiny):
    first = ("prune", "tiny.safetensors", "--ratio", 0.5, "--retrain.distill", "{}")
    tiny(*first, "-o", "first.safetensors")
    second = ("prune", "first.safetensors", "--ratio", 0.7, "--retrain.distill", "{}")
    second = (*second, "-o", "second.safetensors", "--early", "tiny-early.safetensors")
    assert "retrain.distill: expected the dense network" in tiny(*second, code=2).stderr
    tiny(*second, "--parent", "tiny.safetensors")
    assert load(tiny, "second").meta["ratio"] == pytest.approx(0.7, abs=1e-3)


STOPPED = """
import os, signal, sys
from sparseprune import train
from sparseprune.cli.app import app

resume = train.Resume
train.Resume = lambda path, **options: resume(path, steps=1, **options)
fit = train.fit
def stopping(*values, progress, **options):
    def look(step, steps, loss):
        progress(step, steps, loss)
        if step == 6:
            os.kill(os.getpid(), signal.SIGKILL)
    return fit(*values, progress=look, **options)
train.fit = stopping
app(sys.argv[1:])
"""


@pytest.mark.slow
def test_a_killed_training_goes_on_with_the_same_command(tiny):
    words = ("train", "tiny.yaml", "-o", "again.safetensors")
    killed = subprocess.run([sys.executable, "-c", STOPPED, *words], cwd=tiny.folder, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (tiny.folder / "again.training").exists()
    assert not (tiny.folder / "again.safetensors").exists()
    other = tiny(*words, "--train.lr", 0.06, code=2)
    assert "again.training: expected the state of this training" in other.stderr
    tiny(*words)
    assert not (tiny.folder / "again.training").exists()
    again, whole = load(tiny, "again"), load(tiny, "tiny")
    assert again.meta["losses"] == whole.meta["losses"]
    assert checkpoint.digest(again.state) == checkpoint.digest(whole.state)


@pytest.mark.slow
def test_two_workers_make_what_one_makes(tiny):
    """Trained, then pruned and retrained; of two workers one writes and speaks.

    Ten steps amplify a rounding error (2^-24) by far less than 2^10, and a mask that differs would
    show as a weight that is zero in one alone.
    """
    said = torchrun(tiny, "train", "tiny.yaml", "-o", "pair.safetensors")
    assert said["accuracy"] > 0.3
    for source, name in (("pair", "pair-wt"), ("tiny", "tiny-wt")):
        words = ("prune", f"{source}.safetensors", "--ratio", 0.5, "-o", f"{name}.safetensors")
        torchrun(tiny, *words) if source == "pair" else tiny(*words)
    for one, other in (("pair", "tiny"), ("pair-wt", "tiny-wt")):
        mine, yours = load(tiny, one).state, load(tiny, other).state
        for name in mine:
            torch.testing.assert_close(mine[name], yours[name], rtol=2**-12, atol=2**-12)


def torchrun(shell, *words):
    """What the verb says as JSON, once, run by two processes with the environment of torchrun."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    pair = [
        subprocess.Popen(
            [sys.executable, "-m", "sparseprune", *map(str, words), "--json"],
            cwd=shell.folder,
            env={**os.environ, **group, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = (process.communicate(timeout=200)[0].splitlines() for process in pair)
    # Some versions of torch add how many ranks are connected.
    first, second = ([line for line in lines if not line.startswith("[Gloo]")] for lines in said)
    assert [process.returncode for process in pair] == [0, 0]
    assert second == []
    return json.loads("\n".join(first))
