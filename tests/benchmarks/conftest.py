"""A network small enough to build in a test."""

import pytest
import torch


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    from networks import Built, Network

    torch.set_num_threads(1)
    network = Network("tiny", "resnet8", (3, 12, 12), 10)
    return Built(network, tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def chain(tmp_path_factory):
    """Two linear layers."""
    from networks import Built, Network, linear

    network = Network("chain", "feed_forward", (24,), 12, linear)
    return Built(network, tmp_path_factory.mktemp("chain"))


@pytest.fixture
def timing_row():
    """A row as the suite writes it."""
    return {
        "kind": "timing", "case": "resnet50-224-b1", "peer": "sparseprune", "zeros": "90",
        "base": "onnxruntime", "goal": 4.5, "batch": 1, "threads": 1, "isa": "best",
        "version": "1", "precision": "f32", "claimed": [3, 4], "bound_used": 0.1,
        "median_us": 17000.0, "p10_us": 1.0, "p90_us": 1.0, "ratio": 4.6, "ratio_low": 4.5,
        "ratio_high": 4.7, "noise": 0.02, "kept": 5, "taken": 5, "quiet": True,
    }  # fmt: skip
