from dataclasses import replace

import numpy as np
import pytest
import torch

from sparseprune import data, models, prune, train
from sparseprune.data import corruptions
from sparseprune.errors import InputError
from sparseprune.pipeline import stages, steps
from sparseprune.recipe import Prune, Retrain, Robust, check, parse

QUICK = {"epochs": 1, "batch_size": 64, "lr": 0.05}


def recipe(**data):
    return parse(
        {
            "data": {"train": 300, "test": 50, **data},
            "model": {"name": "resnet8"},
            "train": QUICK,
            "retrain": QUICK,
            "prune": [{"method": "SiPP", "ratios": [0.5]}],
        },
        "here",
    )


@pytest.fixture(scope="module")
def trained():
    return steps.train_network(recipe(validation=0.2), seed=1)


def settings(method):
    return check(Prune, {"method": method, "ratios": [0.5]}, "here")


@pytest.mark.parametrize(
    "method", [name for name, m in prune.METHODS.items() if m.needs != "nothing"]
)
def test_data_informed_methods_see_pictures_that_are_held_out(trained, method):
    pruned, masks = steps.prune_network(trained, recipe(validation=0.2), settings(method), 0.5)
    assert abs(pruned.meta["ratio"] - 0.5) < 1 / 16
    assert masks


def test_without_held_out_pictures_they_say_what_to_set(trained):
    with pytest.raises(InputError, match=r"SiPP looks at pictures .* expected data.validation"):
        steps.prune_network(trained, recipe(), settings("SiPP"), 0.5)


def test_and_a_run_says_so_before_it_trains():
    with pytest.raises(InputError, match=r"SiPP looks at pictures .* expected data.validation"):
        stages.distributions(recipe())
    assert "clean" in stages.distributions(recipe(validation=0.2))


def test_the_sensitivity_set_is_a_random_part_of_the_held_out_pictures(trained):
    model, example = models.load(trained), steps.example(trained)
    splits = steps.splits(recipe(validation=0.2).data)

    def chosen(method, seed):
        return steps.held_out(model, example, splits, settings(method), Retrain(), seed)

    first, labels = chosen("SiPP", 1)
    second, _ = chosen("SiPP", 2)
    assert len(first) == len(labels) == 30  # half of 60: the set would be larger
    assert not np.array_equal(first, second)
    assert chosen("WT", 1) is None


def test_the_sensitivity_set_of_voc_is_smaller(trained):
    """Its bounds may fail with probability 1e-5 instead of 1e-16 (section 2.3)."""
    model, example = models.load(trained), steps.example(trained)
    splits = steps.splits(recipe(validation=0.99, train=800).data)
    splits = splits._replace(held_out=replace(splits.held_out, name="voc"))
    found, _ = steps.held_out(model, example, splits, settings("SiPP"), Retrain(), 1)
    assert len(found) == prune.sensitivity_size(model, example, 10**6, delta=1e-5) < 120


def test_robust_retraining_corrupts_the_sensitivity_set_and_does_not_crop_it(trained):
    """As the training pictures, one in six clean (sections 2.3 and 4)."""
    splits = steps.splits(recipe(validation=0.2).data)
    robust = Retrain(robust=Robust(corruptions=["contrast"]), crop=4, flip=True)

    def chosen(shown):
        model, example = models.load(trained), steps.example(trained)
        return steps.held_out(model, example, splits, settings("SiPP"), shown, 1)

    (clean, labels), (found, same_labels) = chosen(Retrain()), chosen(robust)
    assert torch.equal(labels, same_labels)
    pool = splits.held_out
    every = data.normalise(pool.images, pool)
    same = (every[None] == clean.numpy()[:, None]).all((2, 3, 4))
    _, severities = train.robust.draw(1, 0, len(clean), 1)
    assert 0 < (severities == 0).sum() < len(clean)
    for number, (place, severity) in enumerate(zip(same.argmax(1), severities, strict=True)):
        picture = pool.images[place : place + 1]
        if severity:
            picture = corruptions.corrupt(picture, "contrast", int(severity), seed=1)
        assert torch.equal(found[number], torch.from_numpy(data.normalise(picture, pool))[0])
