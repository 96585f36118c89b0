"""What is wrong in one element, or not written at all, is seen."""

import pytest
import torch
from gpu import gate

from sparseprune.errors import GateError

EXPECTED = torch.linspace(1, 2, 800, dtype=torch.float64).view(8, 100)


def test_rounding_passes():
    found = EXPECTED.to(torch.bfloat16)
    assert 1e-4 < gate.error(found, EXPECTED, gate.LAYER) < 4e-3


def test_one_wrong_element_of_many_does_not_hide():
    found = EXPECTED.clone()
    found[7, 99] += 0.05
    assert (found - EXPECTED).norm() / EXPECTED.norm() < gate.LAYER
    with pytest.raises(GateError, match=r"of one element 0\.01"):
        gate.error(found, EXPECTED, gate.LAYER)


@pytest.mark.parametrize("row", [0, 50, 99])
def test_what_is_not_finite_is_seen_outside_of_the_slice_too(row):
    rows = EXPECTED.repeat(13, 1)[:100]
    expected = gate.ends(rows, 8)
    assert gate.error(rows, expected, gate.LAYER) == 0
    rows[row, 3] = float("nan")
    with pytest.raises(GateError, match="finite"):
        gate.error(rows, expected, gate.LAYER)


@pytest.mark.parametrize(
    ("rows", "count", "expected"), [(9, 4, [0, 1, 7, 8]), (9, 3, [0, 1, 8]), (2, 3, [0, 1])]
)
def test_ends(rows, count, expected):
    assert gate.ends(torch.arange(rows), count).tolist() == expected


def test_new_memory_is_poisoned_for_a_while():
    before = torch.are_deterministic_algorithms_enabled()
    with gate.poisoned():
        assert torch.empty(1000).isnan().all()
        assert torch.ones(1).new_empty(1000, dtype=torch.bfloat16).isnan().all()
        assert torch.empty_like(torch.ones(30, 30).T).isnan().all()
    assert torch.are_deterministic_algorithms_enabled() == before
