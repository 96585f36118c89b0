"""Honest answers pass the gate, planted errors do not."""

import numpy as np
import pytest
import torch
from check import Gate
from networks import Zeros

from sparseprune.errors import GateError
from sparseprune.runtime import OnnxRunner


@pytest.fixture(scope="module")
def gate(built):
    return Gate(built, Zeros(90), 5)


def test_other_evaluations_pass(gate, built):
    ours = OnnxRunner(built.path(Zeros(90)), provider="sparseprune")
    assert 0 < gate.used(ours.predict(gate.batch)) <= 1
    with torch.no_grad():
        assert gate.used(built.twin(Zeros(90))(torch.from_numpy(gate.batch)).numpy()) <= 1


def test_every_sample_and_every_logit_counts(gate):
    size = float(np.abs(gate.expected).max())
    for place in np.ndindex(gate.expected.shape):
        wrong = gate.expected.copy()
        wrong[place] += 1e-3 * size
        with pytest.raises(GateError, match="times as much as rounding can explain"):
            gate.used(wrong)


def test_mixed_up_samples_are_found(gate):
    with pytest.raises(GateError, match="times as much"):
        gate.used(np.roll(gate.expected, 1, axis=0))


def test_one_weight_that_was_lost_is_found(gate, built):
    twin, batch = built.twin(Zeros(90)), torch.from_numpy(gate.batch)
    weight = twin.get_submodule("layer2.0.conv2").weight
    twin(batch).square().sum().backward()
    with torch.no_grad():
        # The one that matters most: random networks have filters no picture excites.
        weight.view(-1)[(weight * weight.grad).abs().argmax()] = 0
        found = twin(batch).numpy()
    with pytest.raises(GateError, match="times as much"):
        gate.used(found)


def test_answers_of_another_kind_are_refused(gate):
    with pytest.raises(GateError, match="finite logits of shape"):
        gate.used(gate.expected[:-1])
    with pytest.raises(GateError, match="finite logits of shape"):
        gate.used(np.full_like(gate.expected, np.nan))


def test_error_is_relative_to_the_largest_logit(gate):
    assert gate.error(gate.expected * 1.25) == pytest.approx(0.25)
