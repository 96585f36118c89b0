import numpy as np
import pytest

from sparseprune.inspector.patterns import structure


def mask(outputs, inputs, taps=1):
    return np.zeros((outputs, inputs, taps), np.bool_)


def test_blocks_of_outputs_and_inputs_are_told_apart():
    tall, wide = mask(8, 8, 2), mask(8, 8, 2)
    tall[4:8, 3, 1] = True
    wide[3, 4:8, 1] = True
    found = structure(tall)
    assert (found["4x1"], found["1x4"], found["2:4"]) == (1, 0, 1)
    assert (found["weights"], found["kept"], found["density"]) == (128, 4, 4 / 128)
    found = structure(wide)
    assert (found["4x1"], found["1x4"], found["2:4"]) == (0, 1, 0)


def test_blocks_lie_on_a_grid():
    shifted = mask(8, 8)
    shifted[2:6, 0] = True
    assert structure(shifted)["4x1"] == 0


def test_two_of_four_is_a_share_of_the_kept_weights():
    kept = mask(1, 8)
    kept[0, [0, 1, 4, 5, 6]] = True
    assert structure(kept)["2:4"] == 2 / 5


def test_what_does_not_fill_a_block_is_in_none():
    kept = mask(5, 5)
    kept[...] = True
    found = structure(kept)
    assert found["4x1"] == found["1x4"] == 20 / 25


@pytest.mark.parametrize("shape", [(3, 3, 1), (0, 8, 1), (8, 0, 9)])
def test_what_is_too_small_has_no_share(shape):
    found = structure(np.ones(shape, np.bool_))
    assert found["4x1"] is None or found["1x4"] is None
    assert 0 <= found["density"] <= 1


def test_dead_filters_and_channels_are_counted():
    kept = mask(8, 4, 9)
    kept[:6, :3] = True
    found = structure(kept)
    assert (found["dead_outputs"], found["dead_inputs"]) == (2, 1)


def test_each_group_reads_channels_of_its_own():
    kept = mask(8, 2)
    kept[:4, 0] = kept[4:, 1] = True
    found = structure(kept, groups=2)
    assert found["dead_inputs"] == 2
    assert found["4x1"] == 1
    assert structure(kept)["dead_inputs"] == 0
    across = mask(8, 1)
    across[...] = True
    assert structure(across, groups=4)["4x1"] is None
