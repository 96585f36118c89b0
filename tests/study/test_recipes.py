"""The study's recipes against its own totals: what is trained, how often, and for how long."""

from pathlib import Path

import pytest
import torch

from sparseprune import models, recipe
from sparseprune.data import corruptions
from sparseprune.train import corruptions_of

FOLDER = Path(__file__).parents[2] / "recipes" / "lost-in-pruning"
RECIPES = {path.stem: recipe.load(path) for path in sorted(FOLDER.glob("*.yaml"))}

# Section 3.5, and section 3.2 for the seeds: seeds, networks trained in all, epochs in all.
TOTALS = {
    "resnet20-cifar10": (3, 279, 50_778),
    "resnet56-cifar10": (3, 243, 44_226),
    "resnet110-cifar10": (3, 243, 44_226),
    "vgg16-cifar10": (3, 243, 36_900),
    "densenet22-cifar10": (3, 267, 80_100),
    "wrn16-8-cifar10": (3, 279, 55_800),
    "resnet20-cifar10-robust": (3, 195, 35_490),
    "resnet18-imagenet": (1, 73, 6_570),
    "resnet101-imagenet": (1, 65, 5_850),
    "deeplabv3-voc": (2, 122, 5_490),
}
# Section 3.3 for the cycles of robust networks, whose totals are given for one of them alone.
ROBUST_CYCLES = {
    "resnet20-cifar10-robust": 16,
    "resnet56-cifar10-robust": 16,
    "resnet110-cifar10-robust": 16,
    "vgg16-cifar10-robust": 16,
    "densenet22-cifar10-robust": 13,
    "wrn16-8-cifar10-robust": 16,
}
# Section 3.4, and torchvision's of the larger ones: parameters.
SIZES = {
    "resnet20": 272_474,
    "resnet56_bottleneck": 869_530,
    "resnet110_bottleneck": 1_704_154,
    "vgg16": 14_728_266,
    "wrn16_8": 10_961_370,
    "densenet22": 71_686,
    "resnet18": 11_689_512,
    "resnet101": 44_549_160,
    "deeplabv3_resnet50": 42_004_074,
}
# Of the pictures: [C, H, W] and classes. Smaller ones of ImageNet and VOC give the same network.
PICTURES = {
    "cifar10": ((3, 32, 32), 10),
    "imagenet": ((3, 64, 64), 1000),
    "voc_augmented": ((3, 65, 65), 21),
}


def test_there_is_one_for_each_network_and_way_of_training():
    assert set(RECIPES) == set(TOTALS) | set(ROBUST_CYCLES)


@pytest.mark.parametrize("name", TOTALS)
def test_networks_and_epochs_in_all_are_the_studys(name):
    seeds, networks, epochs = TOTALS[name]
    settings = RECIPES[name]
    cycles = sum(len(entry.ratios) for entry in settings.prune)
    assert len(settings.sweep.seeds) == seeds
    assert seeds * (1 + cycles) == networks
    assert seeds * (settings.train.epochs + cycles * settings.retrain.epochs) == epochs


@pytest.mark.parametrize("name", ROBUST_CYCLES)
def test_robust_recipes_are_the_nominal_ones_with_other_pictures_and_cycles(name):
    robust, nominal = RECIPES[name], RECIPES[name.removesuffix("-robust")]
    assert {len(entry.ratios) for entry in robust.prune} == {ROBUST_CYCLES[name]}
    for section in ("train", "retrain"):
        ours, theirs = getattr(robust, section), getattr(nominal, section)
        assert corruptions_of(ours) == corruptions.MIX1
        assert ours.model_copy(update={"robust": None}) == theirs
    for section in ("data", "model", "evaluate", "sweep"):
        assert getattr(robust, section) == getattr(nominal, section)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_follows_the_protocol(name):
    settings = RECIPES[name]
    nominal_cifar = settings.data.name == "cifar10" and not name.endswith("-robust")
    assert [entry.method for entry in settings.prune] == ["WT", "SiPP", "FT", "PFP"]
    for entry in settings.prune:
        assert (entry.unit, entry.schedule) == ("params", "iterative")
        assert entry.steps == (3 if nominal_cifar else 1)
        assert (entry.coupling, entry.allocation, entry.pattern) == ("independent", "global", "1x1")
        assert entry.prune_output_layer == (entry.method != "FT")
    assert settings.retrain.mode == "restart"
    assert settings.data.validation == 0.1
    assert settings.name == name
    shown = settings.evaluate
    assert (shown.delta, shown.severity, shown.corruptions) == (0.005, 3, "all")
    # Either the published pictures or our own, never both: they would count twice.
    assert shown.generated == (settings.data.name == "voc_augmented")


@pytest.mark.parametrize("name", RECIPES)
def test_networks_are_built_with_the_studys_size(name):
    settings = RECIPES[name]
    shape, classes = PICTURES[settings.data.name]
    options = settings.model.options
    with torch.device("meta"):
        model = models.create(settings.model.name, options, input_shape=shape, classes=classes)
    assert sum(parameter.numel() for parameter in model.parameters()) == SIZES[settings.model.name]
