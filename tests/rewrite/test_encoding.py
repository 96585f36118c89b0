"""Weights come back from their encoding exactly, and damage is found."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparseprune.rewrite.encoding import Encoded, Kept, decode, encode, kept

SHAPES = [(1,), (7, 1), (16, 3, 3, 3), (2, 300), (1, 70000), (3, 200000)]


def pruned(shape, density, seed):
    random = np.random.default_rng(seed)
    weight = random.normal(size=shape).astype(np.float32)
    return np.where(random.random(shape) < density, weight, np.float32(0))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(SHAPES),
    st.sampled_from([0.0, 1e-5, 0.002, 0.05, 0.3, 0.9, 1.0]),
    st.integers(0, 2**31),
    st.sampled_from([np.float32, np.float16]),
)
def test_what_is_decoded_is_what_was_encoded(shape, density, seed, dtype):
    weight = pruned(shape, density, seed)
    encoded = encode(kept(weight), dtype)
    assert len(encoded.values)
    assert np.array_equal(decode(encoded, shape).dense(), weight.astype(dtype).astype(np.float32))
    candidates = [plain_size(weight, np.dtype(dtype).itemsize, limit) for limit in (255, 65535)]
    stored = max(np.count_nonzero(weight), 1)
    candidates.append(stored * np.dtype(dtype).itemsize + math.ceil(weight.size / 8))
    assert encoded.nbytes == min(candidates)


def plain_size(weight, value_bytes, limit):
    """Bytes of steps up to ``limit``, counted one kept weight after the other."""
    positions = list(np.flatnonzero(weight)) or [0]
    count, before = 0, -1
    for position in positions:
        step = int(position) - before
        count += 1 + (step - 1) // limit
        before = int(position)
    return count * (value_bytes + (1 if limit == 255 else 2))


@pytest.mark.parametrize(
    ("positions", "steps", "values"),
    [
        ([0], [1], [1]),
        ([254], [255], [1]),
        ([*range(9), 264], [*[1] * 9, 255, 1], [*range(1, 10), 0, 10]),
        ([*range(9), 518], [*[1] * 9, 255, 255], [*range(1, 10), 0, 10]),
        ([*range(20), 530], [*[1] * 20, 255, 255, 1], [*range(1, 21), 0, 0, 21]),
    ],
)
def test_long_gaps_are_bridged_by_stored_zeros(positions, steps, values):
    kept_values = np.arange(1, len(positions) + 1, dtype=np.float32)
    found = encode(Kept((2000,), np.array(positions), kept_values), np.float32)
    assert not found.bitmask
    assert found.index.dtype == np.uint8
    assert found.index.tolist() == steps
    assert found.values.tolist() == values


def test_a_bit_is_counted_from_the_least():
    weight = np.zeros((3, 4), np.float32)
    weight.flat[[0, 3, 9]] = 1
    weight.flat[[1, 2, 4, 5, 6, 7]] = 2
    found = encode(kept(weight), np.float32)
    assert found.bitmask
    assert found.index.tolist() == [0b11111111, 0b10]


def test_an_empty_weight_stores_one_zero():
    found = encode(kept(np.zeros((4, 5), np.float32)), np.float16)
    assert (found.values.tolist(), len(found.index)) == ([0.0], 1)
    assert not decode(found, (4, 5)).dense().any()


def test_a_transposed_weight_is_the_transpose():
    weight = pruned((30, 50), 0.3, 0)
    turned = kept(weight).transposed()
    assert np.array_equal(turned.dense(), weight.T)
    assert (np.diff(turned.positions) > 0).all()


def test_what_becomes_zero_in_float16_is_not_kept():
    weight = np.array([[1e-9, 1.0, -1e-9]], np.float32)
    assert decode(encode(kept(weight), np.float16), (1, 3)).positions.tolist() == [1]


ONES = np.ones(3, np.float32)


@pytest.mark.parametrize(
    ("values", "index", "bitmask", "shape", "message"),
    [
        (ONES, np.array([1, 0, 1], np.uint8), False, (9,), "a step is 0"),
        (ONES, np.array([1, 1, 9], np.uint8), False, (9,), "lead to position 10 of 9"),
        (ONES, np.array([1, 1], np.uint8), False, (9,), r"steps are uint8 \[2\] for 3 values"),
        (ONES, np.array([1, 1, 1], np.int8), False, (9,), r"steps are int8 \[3\]"),
        (ONES, np.array([7], np.uint8), True, (9,), r"the bitmask is uint8 \[1\] for 9 positions"),
        (ONES, np.array([3, 0], np.uint8), True, (9,), "2 bits are set for 3 values"),
        (ONES, np.array([3, 2], np.uint8), True, (9,), "a bit behind the last position"),
        (ONES[:0], np.zeros(0, np.uint8), False, (9,), "must be vectors, not empty"),
        (ONES, np.array([1, 1, 1], np.uint8), False, (9, 0), r"weight_shape is \[9, 0\]"),
        (ONES, np.array([1, 1, 1], np.uint8), False, (2**40, 2**40), "weight_shape is"),
    ],
)
def test_damage_is_named(values, index, bitmask, shape, message):
    with pytest.raises(ValueError, match=message):
        decode(Encoded(values, index, bitmask), shape)
