"""The presets against the study's table (paper section 3.2), typed in here a second time."""

import pytest

from sparseprune.recipe import Train
from sparseprune.recipe.presets import PRESETS

# Batch, lr, weight decay, Nesterov, epochs, factor, milestones, warm-up.
TABLE = {
    "resnet20_cifar": (128, 0.1, 1e-4, False, 182, 0.1, [91, 136], 5),
    "resnet56_cifar": (128, 0.1, 1e-4, False, 182, 0.1, [91, 136], 5),
    "resnet110_cifar": (128, 0.1, 1e-4, False, 182, 0.1, [91, 136], 5),
    "vgg16_cifar": (
        256,
        0.05,
        5e-4,
        False,
        300,
        0.5,
        [30, 60, 90, 120, 150, 180, 210, 240, 270],
        10,
    ),
    "vgg16_cifar_retrain": (256, 0.05, 5e-4, False, 150, 0.5, [30, 60, 90, 120], 10),
    "densenet22_cifar": (64, 0.1, 1e-4, True, 300, 0.1, [150, 225], 10),
    "wrn16_8_cifar": (128, 0.1, 5e-4, True, 200, 0.2, [60, 120, 160], 5),
    "resnet18_imagenet": (256, 0.1, 1e-4, False, 90, 0.1, [30, 60, 80], 5),
    "resnet101_imagenet": (256, 0.1, 1e-4, False, 90, 0.1, [30, 60, 80], 5),
    "deeplabv3_voc": (16, 0.02, 1e-4, False, 45, None, [], 0),
}


def test_every_preset_is_in_the_table():
    assert set(PRESETS) == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_presets_are_the_table(name):
    batch, lr, decay, nesterov, epochs, factor, milestones, warmup = TABLE[name]
    made = Train(preset=name)
    assert (made.batch_size, made.lr, made.weight_decay) == (batch, lr, decay)
    assert (made.momentum, made.nesterov, made.epochs) == (0.9, nesterov, epochs)
    assert (made.milestones, made.warmup_epochs) == (milestones, warmup)
    if factor is None:
        assert (made.schedule, made.power) == ("poly", 0.9)
    else:
        assert (made.schedule, made.gamma) == ("multi_step", factor)
    assert made.flip
    assert made.crop == (4 if name.endswith(("cifar", "cifar_retrain")) else 0)


def test_keys_beside_a_preset_change_it():
    made = Train(preset="resnet20_cifar", epochs=3, flip=False)
    assert (made.epochs, made.flip, made.lr, made.crop) == (3, False, 0.1, 4)


def test_a_preset_written_out_reads_back():
    made = Train(preset="vgg16_cifar", lr=0.2)
    assert Train.model_validate(made.model_dump(mode="json")) == made
