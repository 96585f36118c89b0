import pytest

from sparseprune import recipe as recipes
from sparseprune.errors import InputError
from sparseprune.sweep.runs import runs

BASE = {"prune": [{"method": "WT", "ratios": [0.5]}]}


def parsed(**sweep):
    return recipes.parse({**BASE, "sweep": sweep}, "test")


def test_every_network_with_every_seed():
    found = runs(parsed(seeds=[3, 1], models=["resnet8", "resnet20"]))
    names = ["resnet8-seed3", "resnet8-seed1", "resnet20-seed3", "resnet20-seed1"]
    assert [run.name for run in found] == names
    assert [run.recipe.model.name for run in found] == ["resnet8"] * 2 + ["resnet20"] * 2
    assert all(run.recipe.sweep is None for run in found)


def test_without_models_it_is_the_recipes_own():
    document = {**BASE, "model": {"name": "resnet20"}, "sweep": {"seeds": [7]}}
    (run,) = runs(recipes.parse(document, "test"))
    assert (run.name, run.recipe.seed, run.recipe.model.name) == ("resnet20-seed7", 7, "resnet20")


def test_a_variant_has_sections_of_its_own():
    own = {"name": "resnet8", "train": {"epochs": 9}, "prune": [{"method": "FT", "ratios": [0.3]}]}
    first, second = runs(parsed(seeds=[0], models=["resnet8", own]))
    assert (first.name, second.name) == ("resnet8-seed0", "resnet8-2-seed0")
    assert (first.recipe.train.epochs, second.recipe.train.epochs) == (5, 9)
    assert (first.recipe.prune[0].method, second.recipe.prune[0].method) == ("WT", "FT")


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"prune": [{"method": "WT", "ratios": [0.3]}] * 2}, "each method may stand once"),
        ({"retrain": {"mode": "rewind_lr", "rewind": 5}}, "retrain.rewind: expected less than the"),
        ({"train": {"distill": {}}}, "train.distill"),
    ],
)
def test_sections_of_a_variant_must_fit_the_recipe(section, words):
    with pytest.raises(InputError, match=rf"sweep.models, resnet8: .*{words}"):
        runs(parsed(seeds=[0], models=[{"name": "resnet8", **section}]))


def test_options_of_a_variant_may_be_null():
    (run,) = runs(parsed(seeds=[0], models=[{"name": "my:net", "options": {"norm": None}}]))
    assert run.recipe.model.options == {"norm": None}


def test_names_of_own_networks_can_be_folders():
    (run,) = runs(parsed(seeds=[0], models=["my.models:net/../x"]))
    assert run.name == "my.models-net-..-x-seed0"


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        ({"seeds": []}, "seeds"),
        ({"seeds": [1, 1]}, "each seed may stand once"),
        ({"seeds": [-1]}, "seeds"),
        ({}, "missing key 'sweep.seeds'"),
        ({"seeds": [0], "model": []}, "did you mean 'models'"),
    ],
)
def test_a_wrong_section_is_explained(sweep, words):
    with pytest.raises(InputError, match=words):
        parsed(**sweep)


def test_a_recipe_without_a_sweep_is_refused():
    with pytest.raises(InputError, match=r"add sweep: \{seeds"):
        runs(recipes.parse(BASE, "test"))
