"""The grids against what the paper says of them beside their numbers (section 3.3)."""

import itertools

import pytest

from sparseprune import recipe
from sparseprune.errors import InputError
from sparseprune.recipe.grids import GRIDS

# Cycles (sections 3.2 and 3.3), first and last ratio.
ENDS = {
    "resnet20_cifar": (23, 0.15, 0.98),
    "resnet56_cifar": (20, 0.15, 0.98),
    "resnet110_cifar": (20, 0.15, 0.98),
    "vgg16_cifar": (20, 0.15, 0.98),
    "densenet22_cifar": (22, 0.15, 0.953),
    "wrn16_8_cifar": (23, 0.15, 0.98),
    "cifar_robust": (16, 0.2, 0.97),
    "densenet22_cifar_robust": (13, 0.2, 0.95),
    "resnet18_imagenet": (18, 0.1, 0.9),
    "resnet101_imagenet": (16, 0.1, 0.816),
    "deeplabv3_voc": (15, 0.2, 0.97),
}


def left(grid):
    """Which part of what is left each cycle leaves."""
    return [(1 - b) / (1 - a) for a, b in itertools.pairwise(grid)]


def test_every_grid_is_in_the_table():
    assert set(GRIDS) == set(ENDS)


@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_has_the_studys_cycles_and_ends(name):
    grid = recipe.check(recipe.Prune, {"method": "WT", "ratios": name}, "here").ratios
    assert (len(grid), grid[0], grid[-1]) == ENDS[name]


@pytest.mark.parametrize(
    ("name", "cycles", "removed"),
    [
        ("resnet20_cifar", 20, 0.087),
        ("resnet56_cifar", 20, 0.179),
        ("densenet22_cifar", 20, 0.107),
        ("cifar_robust", 16, 0.197),
        ("densenet22_cifar_robust", 13, 0.206),
    ],
)
def test_cycles_remove_one_part_of_what_is_left(name, cycles, removed):
    """A slip of a digit shows: half a unit in the last place of two neighbours is all there is."""
    grid = GRIDS[name][:cycles]
    for (a, b), kept in zip(itertools.pairwise(grid), left(grid), strict=True):
        rounding = 0.0005 * (1 / (1 - a) + (1 - b) / (1 - a) ** 2)
        assert abs(1 - kept - removed) <= rounding + 0.0005, (a, b)


def test_an_unknown_grid_is_named():
    document = {"prune": [{"method": "WT", "ratios": "resnet21"}]}
    with pytest.raises(InputError, match=r"prune.0.ratios': .* one of resnet20_cifar.*'resnet21'"):
        recipe.parse(document, "here")


def test_a_grid_is_written_out():
    document = {"prune": [{"method": "WT", "ratios": "cifar_robust"}]}
    assert recipe.parse(document, "here").model_dump()["prune"][0]["ratios"][:2] == [0.2, 0.357]
