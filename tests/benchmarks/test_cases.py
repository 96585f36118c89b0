"""Masks are exact; every benchmarked layer has a name of its own."""

import numpy as np
import pytest
from cases import Layer, kept, layers


@pytest.mark.parametrize("shape", [(16, 8, 3, 3), (12, 30), (7, 5)], ids=str)
@pytest.mark.parametrize("zeros", [0, 0.5, 0.9, 0.95])
def test_masks_have_exactly_the_zeros_asked_for(shape, zeros):
    mask = kept(np.random.default_rng(0), shape, zeros)
    assert mask.shape == shape
    assert np.count_nonzero(~mask) == round(zeros * mask.size)


@pytest.mark.parametrize("outputs", [16, 10])
def test_blocks_of_outputs_keep_the_same_places(outputs):
    mask = kept(np.random.default_rng(0), (outputs, 50), 0.9, 4)
    assert mask.shape == (outputs, 50)
    for start in range(0, outputs, 4):
        assert (mask[start : start + 4] == mask[start]).all()
    assert np.count_nonzero(mask[::4]) == 5 * len(mask[::4])
    assert len({tuple(row) for row in mask[::4]}) == len(mask[::4])


def test_names_are_unique():
    names = [layer.name for layer in layers()]
    assert len(set(names)) == len(names)


def test_a_layer_is_what_it_says():
    x, weight, bias = Layer("n", 2, 8, 16, side=9, kernel=3, density=0.25, block=4).arrays()
    assert x.shape == (2, 8, 9, 9)
    assert weight.shape == (16, 8, 3, 3)
    assert bias.shape == (16,)
    assert np.count_nonzero(weight) == weight.size // 4
