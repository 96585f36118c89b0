import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from sparseprune import train
from sparseprune.errors import InputError
from sparseprune.formats import container
from sparseprune.recipe import Distill, Train

torch.set_num_threads(1)
STAND_IN = Path(__file__).with_name("stand_in.py")
SETTINGS = Train(epochs=2, batch_size=4, lr=0.05, flip=True)


class Stopped(Exception):
    pass


def net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Dropout(), nn.Flatten(), nn.Linear(12, 2)
    )


def pictures():
    return torch.randn(10, 1, 4, 4, generator=torch.Generator().manual_seed(1)), torch.arange(
        10
    ) % 2


def stop_at(limit):
    def look(step, steps, loss):
        if step == limit:
            raise Stopped

    return look


def start(*arguments):
    return subprocess.Popen([sys.executable, STAND_IN, *map(str, arguments)])


@pytest.mark.slow
def test_a_killed_training_goes_on_bit_equal(tmp_path):
    """Killed in the middle of the second epoch; dropout, crops, flips, momentum and clipping on."""
    undisturbed = start(tmp_path / "whole")
    assert start(tmp_path / "again", tmp_path / "state", 8).wait(100) == -signal.SIGKILL
    assert not (tmp_path / "again").exists()
    assert start(tmp_path / "again", tmp_path / "state").wait(100) == 0
    assert undisturbed.wait(100) == 0
    whole, again = load_file(tmp_path / "whole"), load_file(tmp_path / "again")
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


@pytest.mark.parametrize("stop", [1, 2, 3, 4, 5, 6])
def test_stopped_at_any_step_it_goes_on_bit_equal(tmp_path, stop):
    whole, again = net(), net()
    losses = train.fit(whole, *pictures(), SETTINGS, seed=0)
    resume = train.Resume(tmp_path / "state", steps=1)
    with pytest.raises(Stopped):
        train.fit(again, *pictures(), SETTINGS, seed=0, resume=resume, progress=stop_at(stop))
    again, seen = net(), []
    assert losses == train.fit(
        again,
        *pictures(),
        SETTINGS,
        seed=0,
        resume=resume,
        progress=lambda step, *_: seen.append(step),
    )
    # The step it stopped at was not written down, as its progress was not yet reported.
    assert seen == list(range(max(1, stop), 7))
    for one, other in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("resume", "written"),
    [
        ({"seconds": 0.0}, True),
        ({"seconds": 1e9}, False),
        ({"steps": 4}, True),
        ({"steps": 9}, False),
    ],
)
def test_it_is_written_as_often_as_asked(tmp_path, resume, written):
    train.fit(net(), *pictures(), SETTINGS, seed=0, resume=train.Resume(tmp_path / "s", **resume))
    assert (tmp_path / "s").exists() == written


@pytest.mark.parametrize(
    ("takes", "epochs", "times"),
    [(2.0, 60, [5.0, 107.0]), (30.0, 140, [5.0, 215.0, 425.0])],
)
def test_a_state_that_takes_long_to_write_is_written_less_often_but_at_most_3_minutes_apart(
    tmp_path, monkeypatch, takes, epochs, times
):
    now, written = [0.0], []

    def write(*_):
        written.append(now[0])
        now[0] += takes

    def second(*_):
        now[0] += 1.0

    monkeypatch.setattr("sparseprune.train.state.time.monotonic", lambda: now[0])
    monkeypatch.setattr("sparseprune.train.state.container.write", write)
    settings, resume = Train(epochs=epochs, batch_size=4), train.Resume(tmp_path / "s")
    train.fit(net(), *pictures(), settings, seed=0, resume=resume, progress=second)
    assert written == times


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"start": 2},
        {"settings": Train(epochs=3, batch_size=4)},
        {"masks": {"0.weight": torch.zeros(3, 1, 3, 3).bool()}},
        {"labels": torch.zeros(10).long()},
    ],
)
def test_the_state_of_another_training_is_refused(tmp_path, change):
    resume = train.Resume(tmp_path / "state", steps=1)
    train.fit(net(), *pictures(), SETTINGS, seed=0, resume=resume)
    images, labels = pictures()
    given = {"labels": labels, "settings": SETTINGS, "seed": 0, **change}
    with pytest.raises(InputError, match="state: expected the state of this training"):
        train.fit(net(), images, resume=resume, **given)


def test_the_state_of_a_training_with_another_parent_is_refused(tmp_path):
    settings = SETTINGS.model_copy(update={"distill": Distill()})
    resume = train.Resume(tmp_path / "state", steps=1)
    parents = [net().eval(), net().eval()]
    with torch.no_grad():
        parents[1][0].weight.add_(1)
    train.fit(net(), *pictures(), settings, seed=0, resume=resume, parent=parents[0])
    train.fit(net(), *pictures(), settings, seed=0, resume=resume, parent=parents[0])
    with pytest.raises(InputError, match="state: expected the state of this training"):
        train.fit(net(), *pictures(), settings, seed=0, resume=resume, parent=parents[1])


@pytest.mark.parametrize("lost", ["model.0.weight", "order", "generator"])
def test_a_damaged_state_is_refused(tmp_path, lost):
    path = tmp_path / "state"
    train.fit(net(), *pictures(), SETTINGS, seed=0, resume=train.Resume(path, steps=1))
    tensors, document = container.read(path, "training state")
    del tensors[lost]
    container.write(path, "training state", tensors, document)
    with pytest.raises(InputError, match="expected a whole training state"):
        train.fit(net(), *pictures(), SETTINGS, seed=0, resume=train.Resume(path))


def test_a_file_cut_short_is_refused(tmp_path):
    path = tmp_path / "state"
    train.fit(net(), *pictures(), SETTINGS, seed=0, resume=train.Resume(path, steps=1))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="expected a whole safetensors file"):
        train.fit(net(), *pictures(), SETTINGS, seed=0, resume=train.Resume(path))
