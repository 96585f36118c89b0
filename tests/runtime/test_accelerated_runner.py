import numpy as np
import pytest
import torch
from torch import nn

from sparseprune.accelerator.build import Judge, build
from sparseprune.accelerator.roofline import Ceilings
from sparseprune.accelerator.timing import Round
from sparseprune.errors import InputError
from sparseprune.evaluate import hidden_loss
from sparseprune.runtime import AcceleratedRunner, Runner, TorchRunner


class Clock:
    def prepare(self, calls):
        return Round(lambda: None, len(calls))

    def race(self, rounds):
        return dict.fromkeys(rounds, 1.0)


@pytest.fixture
def model():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(64, 5)).eval()


@pytest.fixture
def runner(model):
    judge = Judge(Clock(), Ceilings(1e12, 1e12, 1e-6))
    x = torch.randn(8, 3, 4, 4)
    accelerated = build(model, x, torch.device("cpu"), torch.float32, judge)
    return AcceleratedRunner(accelerated, name="fast")


def pictures(count):
    return np.random.default_rng(1).normal(size=(count, 3, 4, 4)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 8, 9, 20])
def test_answers_are_the_models(model, runner, count):
    assert isinstance(runner, Runner)
    logits = runner.predict(pictures(count))
    assert (logits.shape, logits.dtype) == ((count, 5), np.float32)
    assert np.allclose(logits, TorchRunner(model).predict(pictures(count)), atol=1e-5)


def test_pictures_come_as_many_at_a_time_as_were_measured(runner):
    seen = []
    runner._model.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    runner.predict(pictures(20))
    assert seen == [8, 8, 8]


def test_hidden_loss_is_that_of_the_network(model, runner):
    batch = pictures(30)
    twin = TorchRunner(model).predict(batch)
    labels = twin.argmax(1)
    found = hidden_loss.compare(runner.predict(batch), twin, labels)
    assert (found["flipped"], found["total"]) == (0, 30)
    assert found["max_abs"] < 1e-4


@pytest.mark.parametrize("batch", [np.zeros((1, 3, 4, 4), np.uint8), np.zeros((0, 3, 4, 4)), [1]])
def test_what_is_no_batch_is_refused(runner, batch):
    with pytest.raises(InputError, match="fast: expected"):
        runner.predict(batch)


def test_segmenters_give_their_main_answer():
    class Two(nn.Module):
        batch = 2

        def forward(self, x):
            return {"aux": x, "out": x[:, :2]}

    assert AcceleratedRunner(Two()).predict(pictures(3)).shape == (3, 2, 4, 4)
