import numpy as np
import pytest

from sparseprune import data, recipe
from sparseprune.data import corruptions, shifts
from sparseprune.errors import InputError


@pytest.fixture(scope="module")
def test_split():
    return data.load(recipe.Data(train=1000, test=40))[1]


def named(test_split, **settings):
    found = shifts.shifts(test_split, recipe.Evaluate(**settings), seed=3)
    return {shift.name: shift for shift in found}


def test_clean_comes_first_then_all_corruptions_then_noise(test_split):
    found = named(test_split, severity=2)
    assert tuple(found) == ("clean", *corruptions.NAMES, "noise")
    assert [s.severity for s in found.values()] == [0, *[2] * 19, 0]


def test_clean_is_the_normalised_test_split(test_split):
    clean = named(test_split)["clean"].batch()
    np.testing.assert_array_equal(clean, data.normalise(test_split.images, test_split))


def test_a_list_keeps_its_order(test_split):
    assert tuple(named(test_split, corruptions=["snow", "fog"], noise=0)) == (
        "clean",
        "snow",
        "fog",
    )


def test_a_corrupted_shift_is_the_corruption_normalised(test_split):
    batch = named(test_split, corruptions=["glass_blur"], severity=4)["glass_blur"].batch()
    corrupted = corruptions.corrupt(test_split.images, "glass_blur", 4, seed=3)
    np.testing.assert_array_equal(batch, data.normalise(corrupted, test_split))
    assert batch.dtype == np.float32
    assert batch.shape == (40, 1, 28, 28)


def test_batches_are_the_same_every_time(test_split):
    for shift in named(test_split, corruptions=["gaussian_noise", "frost"]).values():
        np.testing.assert_array_equal(shift.batch(), shift.batch())


def test_noise_is_uniform_after_normalisation_and_never_clipped(test_split):
    found = named(test_split, corruptions=[], noise=0.5)
    clean = found["clean"].batch()
    noise = found["noise"].batch() - clean
    # Sum and difference of float32 values below 4: two roundings of 2^-23.
    assert np.abs(noise).max() <= 0.5 + 2**-22
    # n uniform values: six standard deviations of their mean and of their variance.
    n = noise.size
    assert abs(noise.mean()) < 6 * 0.5 / np.sqrt(3 * n)
    assert abs(noise.var() / (0.5**2 / 3) - 1) < 6 * np.sqrt(0.8 / n)
    assert found["noise"].batch().min() < clean.min()
    assert found["noise"].batch().max() > clean.max()


def test_the_seed_changes_what_is_random_and_nothing_else(test_split):
    settings = recipe.Evaluate(corruptions=["fog", "contrast"])
    one, two = (shifts.shifts(test_split, settings, seed=seed) for seed in (3, 4))
    same = {a.name: np.array_equal(a.batch(), b.batch()) for a, b in zip(one, two, strict=True)}
    assert same == {"clean": True, "fog": False, "contrast": True, "noise": False}


def test_notes_say_what_a_report_must_mention(test_split):
    found = named(test_split)
    assert "own synthetic textures" in found["frost"].note
    assert "unchanged" in found["saturate"].note
    assert {s.note for s in found.values() if s.name not in ("frost", "saturate")} == {""}
    assert named(test_split, severity=4)["saturate"].note == ""


def test_an_unknown_corruption_is_refused_at_once(test_split):
    with pytest.raises(InputError, match="got 'fogg'; did you mean 'fog'"):
        named(test_split, corruptions=["fogg"])


def test_a_repeated_corruption_is_refused(test_split):
    with pytest.raises(InputError, match="expected each name once, got 'fog' 2 times"):
        named(test_split, corruptions=["fog", "snow", "fog"])


def test_missing_frost_photographs_are_refused_at_once(test_split, tmp_path):
    with pytest.raises(InputError, match=r"frost1\.png: expected a photograph of frost"):
        named(test_split, corruptions=["frost"], frost_textures=tmp_path)


def test_pictures_too_small_to_corrupt_are_refused_at_once(test_split):
    small = data.Dataset("toy", test_split.images[:, :12], *[None] * 5)
    with pytest.raises(InputError, match="sides of at least 16 pixels"):
        named(small)
    assert tuple(named(small, corruptions=[])) == ("clean", "noise")


def test_large_pictures_take_the_imagenet_strengths(test_split):
    images = np.repeat(np.repeat(test_split.images[:2], 4, axis=1), 4, axis=2)
    large = data.Dataset("toy", images, *[None] * 3, test_split.mean, test_split.std)
    batch = named(large, corruptions=["contrast"])["contrast"].batch()
    expected = corruptions.corrupt(images, "contrast", 3, table="imagenet")
    np.testing.assert_array_equal(batch, data.normalise(expected, large))
