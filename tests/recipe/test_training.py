import pytest

from sparseprune import recipe
from sparseprune.errors import InputError

SMALL = {"prune": [{"method": "WT", "ratios": [0.5]}]}


@pytest.mark.parametrize(
    ("train", "sentence"),
    [
        ({"preset": "resnet21"}, r"'train.preset': Input should be 'resnet20_cifar', .*'resnet21'"),
        ({"schedule": "multi_step"}, "'train': schedule multi_step: expected milestones"),
        ({"milestones": [3, 2]}, r"'train.milestones': milestones must rise from above 0"),
        ({"milestones": [0, 2]}, r"'train.milestones': milestones must rise from above 0"),
        ({"milestones": [2]}, r"milestones \[2.0\]: expected schedule multi_step .*got one_cycle"),
        ({"warmup_epochs": 1}, "schedule one_cycle: expected warmup .* choose another schedule"),
        ({"clip": 0}, "'train.clip': Input should be greater than 0, got 0"),
        ({"precision": "int8"}, "'train.precision': Input should be 'float32'"),
        ({"distill": {"weight": 2}}, "'train.distill.weight': .*less than or equal to 1, got 2"),
        ({"distill": {"weights": 1}}, "'train.distill.weights'; did you mean 'weight'"),
        ({"robust": {"corruptions": []}}, "expected 'mix1' or at least one corruption"),
        ({"crop": -1}, "'train.crop': .*greater than or equal to 0, got -1"),
    ],
)
def test_each_mistake_is_named(train, sentence):
    with pytest.raises(InputError, match=sentence):
        recipe.parse({**SMALL, "train": train}, "recipe")


def test_a_preset_may_be_chosen_on_the_command_line():
    made = recipe.parse(SMALL, "recipe", {"train.preset": "wrn16_8_cifar", "train.epochs": 2})
    assert (made.train.gamma, made.train.epochs) == (0.2, 2)


def test_another_schedule_than_the_presets_needs_no_other_change():
    made = recipe.parse(
        SMALL, "recipe", {"train.preset": "vgg16_cifar", "train.schedule": "cosine"}
    )
    assert made.train.schedule == "cosine"
