import numpy as np
import pytest

from sparseprune.data.corruptions import corrupt, parameters
from sparseprune.data.corruptions.draws import generators


def flat(level: int, count: int = 40) -> np.ndarray:
    return np.full((count, 32, 32, 3), level, np.uint8)


@pytest.mark.parametrize("severity", range(1, 6))
def test_impulse_noise_replaces_the_published_share_half_by_white(severity):
    images = flat(100)
    found = corrupt(images, "impulse_noise", severity)
    (amount,) = parameters.strength("cifar", "impulse_noise", severity)
    assert set(np.unique(found)) == {0, 100, 255}
    # Binomial over n values: six standard deviations.
    bound = 6 * np.sqrt(amount / found.size)
    assert abs((found == 255).mean() - amount / 2) < bound
    assert abs((found == 0).mean() - amount / 2) < bound


@pytest.mark.parametrize("severity", range(1, 6))
def test_shot_noise_has_the_variance_of_a_photon_count(severity):
    found = corrupt(flat(128), "shot_noise", severity) / 255
    (photons,) = parameters.strength("cifar", "shot_noise", severity)
    rate = 128 / 255 * photons
    # Variance rate / p^2, uniform truncation adds (1/255)^2 / 12; sample variance of n values of
    # kurtosis 3 + 1 / rate has relative deviation sqrt((2 + 1 / rate) / n): six of them.
    expected = rate / photons**2 + 1 / 255**2 / 12
    assert abs(found.var() / expected - 1) < 6 * np.sqrt((2 + 1 / rate) / found.size) + 0.01


def test_speckle_noise_leaves_black_black():
    assert not corrupt(flat(0), "speckle_noise", 5).any()


def test_gaussian_noise_is_the_formula_truncated():
    images = flat(90, 2)
    noise = [
        g.normal(scale=0.08, size=(32, 32, 3)) for g in generators("gaussian_noise", 3, 9, 4, 2)
    ]
    expected = (np.clip(images / 255.0 + noise, 0, 1) * 255).astype(np.uint8)
    np.testing.assert_array_equal(
        corrupt(images, "gaussian_noise", 3, seed=9, first_index=4), expected
    )


def test_grey_noise_has_the_published_strength():
    found = corrupt(flat(128)[..., :1], "gaussian_noise", 3)
    # 40 960 normal values: relative deviation of their spread 1 / sqrt(2 n), six of them.
    assert abs(found.std() / (0.08 * 255) - 1) < 6 / np.sqrt(2 * found.size)
