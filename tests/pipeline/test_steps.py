import numpy as np
import pytest

from sparseprune import prune
from sparseprune.errors import InputError
from sparseprune.pipeline import steps
from sparseprune.recipe import Prune, check, parse

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


def test_the_sensitivity_set_is_a_random_part_of_the_held_out_pictures(trained):
    model, example = steps.models.load(trained), steps.example(trained)
    splits = steps.splits(recipe(validation=0.2).data)

    def chosen(method, seed):
        return steps.held_out(model, example, splits, settings(method), seed)

    first, labels = chosen("SiPP", 1)
    second, _ = chosen("SiPP", 2)
    assert len(first) == len(labels) == 30  # half of 60: the set would be larger
    assert not np.array_equal(first, second)
    assert chosen("WT", 1) is None
