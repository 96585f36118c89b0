import pytest
import torch
from torch import nn

from sparseprune.accelerator import contest as module
from sparseprune.accelerator.candidates import Candidate
from sparseprune.accelerator.dense import Dense
from sparseprune.accelerator.layer import Layer


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return Layer("fc", torch.randn(16, 32), torch.randn(16), activation="relu")


class Spoiled(nn.Module):
    """The dense layer's answer, changed."""

    def __init__(self, layer, spoil):
        super().__init__()
        self.dense, self.spoil = Dense(layer), spoil

    def forward(self, x, residual=None):
        return self.spoil(self.dense(x, residual))


@pytest.fixture
def decide(layer, monkeypatch, ceilings):
    """Hold a contest of dense and candidates that are given as changes of its answer."""

    def run(timer, x=None, **spoils):
        found = [
            Candidate(name, lambda spoil=spoil: Spoiled(layer, spoil))
            for name, spoil in spoils.items()
        ]
        monkeypatch.setattr(module, "candidates", lambda *_, **__: (found, {"2:4": "does not fit"}))
        given = torch.randn(6, 32) if x is None else x
        return module.contest(layer, given, None, timer, ceilings)

    return run


def same(y):
    return y


def test_the_fastest_that_is_right_is_chosen(decide, clock):
    timer = clock(dense=1.0, a=0.8, b=0.5, c=0.1)
    decision = decide(timer, a=same, b=same, c=lambda y: y + 1)
    assert decision.choice == "b"
    assert isinstance(decision.module, Spoiled)
    assert decision.seconds == {"dense": 1.0, "a": 0.8, "b": 0.5}
    assert "2.00x as fast as dense" in decision.why
    assert decision.refused["2:4"] == "does not fit"
    # What is wrong is not even timed.
    assert list(timer.races[0]) == ["dense", "dense again", "a", "b"]


def test_dense_stays_where_nothing_is_faster(decide, clock):
    decision = decide(clock(dense=1.0, a=1.5, b=1.2), a=same, b=same)
    assert (decision.choice, type(decision.module)) == ("dense", Dense)
    assert "the next best, b, takes 1.20x as long" in decision.why
    assert "zeros can give" in decision.why


def test_dense_stays_where_nothing_else_is_right(decide, clock):
    decision = decide(clock(), a=lambda y: y[:, :1])
    assert decision.choice == "dense"
    assert "no other way" in decision.why
    assert "gave shape" in decision.refused["a"]


@pytest.mark.parametrize(("again", "choice"), [(1.01, "a"), (1.2, "dense")])
def test_a_gain_within_the_noise_of_dense_is_none(decide, again, choice):
    class Noisy:
        def prepare(self, calls):
            return module.Round(lambda: None, len(calls))

        def race(self, rounds):
            return {"dense": 1.0, "dense again": again, "a": 0.9}

    assert decide(Noisy(), a=same).choice == choice


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda y: y * torch.nan, "not finite"),
        (lambda y: y.index_fill(0, torch.tensor([2]), torch.nan), "not finite"),
        (lambda y: y.index_fill(0, torch.tensor([5]), 0), "wrong by"),
        (lambda y: y.index_fill(1, torch.tensor([15]), 0), "wrong by"),
        (lambda y: y * (1 + 2e-6), "wrong by"),
        (lambda y: y @ y, "mat1 and mat2"),
    ],
)
def test_what_fails_or_is_wrong_is_refused_with_the_reason(decide, clock, spoil, reason):
    decision = decide(clock(dense=1.0, a=0.1), a=spoil)
    assert decision.choice == "dense"
    assert reason in decision.refused["a"]


def test_long_reasons_of_others_are_cut(decide, clock):
    def fail(_):
        raise RuntimeError("word " * 1000)

    assert len(decide(clock(), a=fail).refused["a"]) <= 200


def test_small_weights_are_called_in_many_copies(decide, clock, layer):
    timer, seen = clock(), set()
    decide(timer, a=lambda y: (seen.add(len(seen)), y)[1])
    # One call to check, then a round over copies.
    assert timer.races[0] == {"dense": 16, "dense again": 16, "a": 16}
    assert len(seen) == 17


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_rounding_of_the_type_is_no_fault(layer, ceilings, clock, monkeypatch, dtype):
    rounded = layer.to(torch.device("cpu"), dtype)
    twin = Candidate("twin", lambda: Dense(rounded))
    monkeypatch.setattr(module, "candidates", lambda *_, **__: ([twin], {}))
    x = torch.randn(6, 32).to(dtype)
    decision = module.contest(rounded, x, None, clock(dense=2.0), ceilings)
    assert decision.choice == "twin"
