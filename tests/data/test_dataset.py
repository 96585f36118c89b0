import hashlib

import numpy as np
import pytest

from sparseprune.data import dataset
from sparseprune.errors import InputError


@pytest.fixture
def pictures():
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (40, 5, 4, 3), dtype=np.uint8), np.arange(40) % 7


def test_statistics_are_those_of_the_pixels(pictures):
    mean, std = dataset.statistics(pictures[0])
    unit = pictures[0] / 255.0
    # Both are sums of 800 float64 terms of size at most 1: 800 roundings of 2^-53 at most.
    np.testing.assert_allclose(mean, unit.mean(axis=(0, 1, 2)), rtol=0, atol=800 * 2**-53)
    np.testing.assert_allclose(std, unit.std(axis=(0, 1, 2)), rtol=0, atol=1600 * 2**-53)


def test_both_splits_carry_the_training_statistics(pictures):
    images, labels = pictures
    test_images = np.full_like(images, 200)
    train, test = dataset.pair("toy", (images, labels), (test_images, labels), tuple("abcdefg"))
    assert (train.mean, train.std) == (test.mean, test.std) == dataset.statistics(images)


def test_normalise_is_the_formula_rounded_once(pictures):
    images = pictures[0]
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 0.7)
    result = dataset.normalise(images, (mean, std))
    expected = ((images / 255.0 - mean) / std).astype(np.float32).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(result, expected)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous


def test_normalise_by_a_dataset_gives_mean_zero_and_deviation_one(pictures):
    train, _ = dataset.pair("toy", pictures, pictures, tuple("abcdefg"))
    result = dataset.normalise(train.images, train).astype(np.float64)
    # Each value is rounded to float32 once (values stay below 4: half a step is 2^-23).
    np.testing.assert_allclose(result.mean(axis=(0, 2, 3)), 0, atol=2**-22)
    np.testing.assert_allclose(result.std(axis=(0, 2, 3)), 1, atol=2**-22)


def test_digest_covers_shape_pixels_and_labels(pictures):
    images, labels = pictures
    digest = dataset.digest(images, labels)
    assert digest == dataset.digest(images.copy(), labels.astype(np.int32))
    changed = images.copy()
    changed[3, 2, 1, 0] ^= 1
    assert digest != dataset.digest(changed, labels)
    assert digest != dataset.digest(images, np.roll(labels, 1))
    assert digest != dataset.digest(images.reshape(40, 4, 5, 3), labels)
    assert len(bytes.fromhex(digest)) == hashlib.sha256().digest_size


def test_every_prefix_of_the_balanced_order_is_balanced():
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(5), 12))
    order = dataset.balanced_order(labels)
    assert sorted(order) == list(range(60))
    for length in range(1, 61):
        counts = np.bincount(labels[order[:length]], minlength=5)
        assert np.ptp(counts) <= 1


def test_the_balanced_order_keeps_the_file_order_within_a_class():
    labels = np.array([2, 0, 0, 2, 1, 0])
    assert dataset.balanced_order(labels).tolist() == [1, 4, 0, 2, 3, 5]


def test_a_limit_takes_the_prefix_and_none_takes_the_file_order():
    labels = np.array([1, 1, 0, 0])
    assert dataset.prefix(labels, None, "toy").tolist() == [0, 1, 2, 3]
    assert dataset.prefix(labels, 3, "toy").tolist() == [2, 0, 3]


def test_a_limit_beyond_the_data_is_refused():
    with pytest.raises(InputError, match="toy: expected a limit of at most 4 pictures, got 5"):
        dataset.prefix(np.array([1, 1, 0, 0]), 5, "toy")


def test_splits_of_different_shape_are_refused(pictures):
    images, labels = pictures
    with pytest.raises(InputError, match=r"one shape \[H, W, C\], got \[5, 4, 3\] and \[4, 4, 3\]"):
        dataset.pair("toy", (images, labels), (images[:, 1:], labels), tuple("abcdefg"))


def test_a_constant_channel_is_refused(pictures):
    images, labels = pictures[0].copy(), pictures[1]
    images[..., 1] = 9
    with pytest.raises(InputError, match="same value in every pixel of channel 1"):
        dataset.pair("toy", (images, labels), (images, labels), tuple("abcdefg"))
