import numpy as np
import pytest
import torch
from scipy import stats

from sparseprune import train
from sparseprune.data import Dataset, corruptions, normalise
from sparseprune.errors import InputError
from sparseprune.recipe import Train
from sparseprune.train import robust

torch.set_num_threads(1)


def dataset(count=60):
    images = np.random.default_rng(0).integers(0, 256, (count, 16, 16, 1), dtype=np.uint8)
    labels = (np.arange(count) % 2).astype(np.int64)
    return Dataset("noise", images, labels, ("a", "b"), "", (0.5,), (0.25,))


def pictures(names, seed=3, data=None):
    settings = Train(robust={"corruptions": names})
    return train.pictures(data or dataset(), settings, seed)


def test_the_mixes_split_the_nineteen():
    assert (len(corruptions.MIX1), len(corruptions.MIX2)) == (9, 10)
    assert set(corruptions.MIX1) | set(corruptions.MIX2) == set(corruptions.NAMES)


def test_without_robust_pictures_are_the_normalised_ones_and_black_is_known():
    data = dataset()
    found = train.pictures(data, Train(), 0)
    assert torch.equal(
        found.batch(5, torch.arange(60)), torch.from_numpy(normalise(data.images, data))
    )
    assert found.black == (-2.0,)


def test_corruption_and_severity_are_uniform_and_independent():
    """54 equally likely pairs; one picture in six is clean. The draw is fixed by its seed."""
    kinds, severities = robust.draw(0, 0, 54_000, 9)
    counts = np.bincount(kinds * 6 + severities, minlength=54)
    assert stats.chisquare(counts).pvalue > 0.001
    # Six standard deviations of a share of 1/6.
    assert abs((severities == 0).mean() - 1 / 6) < 6 * np.sqrt(5 / 36 / 54_000)


def test_draws_belong_to_seed_epoch_and_picture():
    few, many = robust.draw(1, 2, 10, 9), robust.draw(1, 2, 50, 9)
    assert all(np.array_equal(one, other[:10]) for one, other in zip(few, many, strict=True))
    for seed, epoch in ((2, 2), (1, 3)):
        assert not np.array_equal(robust.draw(seed, epoch, 50, 9)[1], many[1])


def test_each_picture_is_its_own_corruption_alone():
    data, names = dataset(), ["contrast", "shot_noise", "pixelate"]
    found = pictures(names)
    kinds, severities = robust.draw(3, 4, 60, 3)
    batch = found.batch(4, torch.tensor([50, 3, 17, 0, 41, 22]))
    for place, result in zip([50, 3, 17, 0, 41, 22], batch, strict=True):
        picture = data.images[place : place + 1]
        if severities[place]:
            picture = corruptions.corrupt(
                picture, names[kinds[place]], int(severities[place]), seed=3, first_index=place
            )
        assert torch.equal(result, torch.from_numpy(normalise(picture, data))[0])


def test_epochs_differ_and_come_again():
    found, every = pictures(["contrast"]), torch.arange(60)
    first, second = found.batch(0, every), found.batch(1, every)
    assert not torch.equal(first, second)
    assert torch.equal(first, found.batch(0, every))
    assert torch.equal(first, pictures(["contrast"]).batch(0, every))
    assert not torch.equal(first, pictures(["contrast"], seed=4).batch(0, every))


def test_mix1_trains_and_leaves_the_pictures_alone():
    data = dataset(12)
    before = data.images.copy()
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 2))
    settings = Train(epochs=2, batch_size=4, robust={}, flip=True, crop=2)
    found = train.pictures(data, settings, 0)
    losses = train.fit(model, found, torch.from_numpy(data.labels), settings, seed=0)
    assert len(losses) == 2
    assert np.array_equal(data.images, before)


def test_names_of_what_is_trained_on():
    assert train.corruptions_of(Train()) == ()
    assert train.corruptions_of(Train(robust={})) == corruptions.MIX1
    assert train.corruptions_of(Train(robust={"corruptions": ["fog", "snow"]})) == ("fog", "snow")


def test_mistakes_are_named():
    with pytest.raises(InputError, match="did you mean 'contrast'"):
        pictures(["contrasd"])
    with pytest.raises(InputError, match="expected each name once, got 'fog' 2 times"):
        pictures(["fog", "fog"])
    small = Dataset(
        "s", np.zeros((2, 8, 8, 1), np.uint8), np.zeros(2, np.int64), ("a",), "", (0.5,), (0.5,)
    )
    with pytest.raises(InputError, match="at least 16 pixels"):
        pictures(["fog"], data=small)
