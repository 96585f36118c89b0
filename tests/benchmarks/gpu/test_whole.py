"""Whole networks: what is timed is what a user would run."""

import importlib

import pytest
import torch

pytest.importorskip("triton")
whole = importlib.import_module("gpu.whole")


def test_a_graph_is_recorded_before_the_check_fills_memory(monkeypatch):
    """Recorded in the check, it would fill all memory with NaN in each replay, and be timed so."""
    filled = []

    def accelerate(model, example, **options):
        return lambda x: filled.append(torch.are_deterministic_algorithms_enabled())

    monkeypatch.setattr(whole.sparseprune, "accelerate", accelerate, raising=False)
    monkeypatch.setattr(whole, "_needs_gpu", lambda pictures: None)
    run = whole._accelerated(torch.nn.Identity(), torch.zeros(1, 3, 4, 4, dtype=torch.bfloat16))
    assert filled == [False]
    with whole.gate.poisoned():
        run(torch.zeros(1))
    assert filled == [False, True]
