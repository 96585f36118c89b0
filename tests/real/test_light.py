"""The networks of ONNX's backend tests, with random weights, pruned: what exporters write."""

import os

import numpy as np
import pytest

# The nodes we claim at least; what else they hold is run by the CPU provider.
CLAIMED = {
    "squeezenet": 60,
    "shufflenet": 100,
    "inception_v1": 130,
    "inception_v2": 150,
    "resnet50": 115,
    "densenet121": 450,
}
# 240 to 575 MB each, and up to 3 GB of memory: `make real` runs them.
LARGE = {"bvlc_alexnet": 15, "vgg19": 40, "zfnet512": 15}


def check(name, real, assert_answers, least):
    model = real.before_last(real.light(name, np.random.default_rng(0)), "Softmax")
    assert real.prune(model, 0.9) > 5
    claimed = assert_answers(model, {}, min_sparsity=0.5)
    assert claimed is None or claimed >= least


@pytest.mark.slow
@pytest.mark.parametrize("name", CLAIMED)
def test_pruned_networks_answer_as_with_the_cpu_provider(name, real, assert_answers):
    check(name, real, assert_answers, CLAIMED[name])


@pytest.mark.slow
@pytest.mark.skipif("SPARSEPRUNE_LARGE" not in os.environ, reason="`make real` runs it")
@pytest.mark.parametrize("name", LARGE)
def test_large_networks(name, real, assert_answers):
    check(name, real, assert_answers, LARGE[name])
