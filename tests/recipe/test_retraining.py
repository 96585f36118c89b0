import re
from pathlib import Path

import pytest
import yaml

from sparseprune import recipe
from sparseprune.errors import InputError

WT = {"method": "WT", "ratios": [0.5]}


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"retrain": {"mode": "redo"}}, "'retrain.mode': Input should be 'restart', .*'redo'"),
        ({"retrain": {"rewind": 1}}, "rewind 1: expected mode rewind_lr or rewind_weights"),
        (
            {"retrain": {"mode": "rewind_lr", "rewind": 5}, "train": {"epochs": 5}},
            "here: retrain.rewind: expected less than the 5 epochs of the training, got 5$",
        ),
        ({"train": {"distill": {}}}, "train.distill: expected nothing, .* move it to retrain$"),
        ({"controls": ["small", "small"]}, "'controls': each control may stand once"),
        ({"controls": ["tiny"]}, "'controls.0': Input should be 'extended' or 'small'"),
        ({"prune": [{**WT, "schedule": "gradual"}]}, "gradual: expected steps of 2 or more"),
        ({"prune": [{**WT, "steps": 0}]}, "'prune.0.steps': .*greater than 0, got 0"),
        ({"prune": [{**WT, "until": 1}]}, "'prune.0.until': .*less than 1, got 1"),
    ],
)
def test_each_mistake_is_named(document, sentence):
    with pytest.raises(InputError, match=sentence):
        recipe.parse({"prune": [WT], **document}, "here")


def test_retraining_takes_presets_too():
    made = recipe.parse({"prune": [WT], "retrain": {"preset": "vgg16_cifar_retrain"}}, "here")
    assert (made.retrain.epochs, made.retrain.mode) == (150, "restart")


def test_it_reads_back_as_it_was_written():
    document = {
        "prune": [{**WT, "schedule": "gradual", "steps": 4, "until": 0.25}],
        "retrain": {"mode": "rewind_weights", "rewind": 1.5, "distill": {"weight": 0.5}},
        "controls": ["small", "extended"],
    }
    made = recipe.parse(document, "here")
    assert recipe.parse(made.model_dump(mode="json"), "again") == made


def test_the_readmes_recipe_is_one():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (text,) = re.findall(r"```yaml\n(retrain:.*?)```", readme, flags=re.DOTALL)
    made = recipe.parse(yaml.safe_load(text), "README")
    assert [entry.schedule for entry in made.prune] == ["iterative", "one_shot", "gradual"]
    assert len(made.prune[0].ratios) == 23
