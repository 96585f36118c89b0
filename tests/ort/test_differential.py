"""Our provider and the CPU provider on generated networks, both against float64."""

import numpy as np
import onnxruntime as ort
import pytest

from sparseprune import _cpu, onnxruntime

SEEDS = range(40)


def options(level):
    result = ort.SessionOptions()
    result.log_severity_level = 4
    result.graph_optimization_level = level
    return result


@pytest.mark.parametrize("isa", _cpu.available_isas())
@pytest.mark.parametrize("seed", SEEDS)
def test_generated_networks(seed, isa, networks, assert_within, monkeypatch):
    monkeypatch.setenv("SPARSEPRUNE_ISA", isa)
    model, feeds = networks.RandomNetwork(seed).build()
    threads = 1 + seed % 2
    session = onnxruntime.session(model, threads=threads, provider="sparseprune", min_sparsity=0.5)
    assert_within(session, model, feeds)


@pytest.mark.parametrize("seed", SEEDS)
def test_cpu_provider_obeys_the_same_bounds(seed, networks, assert_within):
    model, feeds = networks.RandomNetwork(seed).build()
    assert_within(onnxruntime.session(model, threads=1, provider="cpu"), model, feeds)


@pytest.mark.parametrize("seed", SEEDS)
def test_generated_networks_without_graph_optimisation(seed, networks, assert_within):
    model, feeds = networks.RandomNetwork(seed).build()
    level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.session(
        model, provider="sparseprune", min_sparsity=0, options=options(level)
    )
    assert_within(session, model, feeds)


def test_generated_networks_run_in_our_provider(networks, claims):
    counts = np.array([claims(networks.RandomNetwork(seed).build()[0]) for seed in SEEDS])
    claimed, total = counts.sum(0)
    # The generator makes about one node in ten one that we leave, and dense subgraphs.
    assert claimed > 0.5 * total, (claimed, total)
