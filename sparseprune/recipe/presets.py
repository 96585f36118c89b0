"""Training settings of the study's networks (paper section 3.2), by name.

Milestones are epochs counted from the start, warm-up included. ``*_retrain`` stands where the study
retrains for another number of epochs than it trains.
"""

from typing import Any, Literal

Preset = Literal[
    "resnet20_cifar",
    "resnet56_cifar",
    "resnet110_cifar",
    "vgg16_cifar",
    "vgg16_cifar_retrain",
    "densenet22_cifar",
    "wrn16_8_cifar",
    "resnet18_imagenet",
    "resnet101_imagenet",
    "deeplabv3_voc",
]

_SGD = {"momentum": 0.9, "nesterov": False, "weight_decay": 1e-4}
_STEPS = {"schedule": "multi_step", "gamma": 0.1}
# Pad 4, random crop, flip: the pictures of CIFAR.
_CIFAR = {**_SGD, **_STEPS, "lr": 0.1, "crop": 4, "flip": True}

_RESNET: dict[str, Any] = {
    **_CIFAR,
    "batch_size": 128,
    "epochs": 182,
    "milestones": [91, 136],
    "warmup_epochs": 5,
}
_VGG: dict[str, Any] = {
    **_CIFAR,
    "batch_size": 256,
    "lr": 0.05,
    "weight_decay": 5e-4,
    "epochs": 300,
    "milestones": list(range(30, 300, 30)),
    "gamma": 0.5,
    "warmup_epochs": 10,
}
_IMAGENET: dict[str, Any] = {
    **_SGD,
    **_STEPS,
    "batch_size": 256,
    "lr": 0.1,
    "epochs": 90,
    "milestones": [30, 60, 80],
    "warmup_epochs": 5,
    "cut": "area",
    "flip": True,
}

PRESETS: dict[str, dict[str, Any]] = {
    "resnet20_cifar": _RESNET,
    "resnet56_cifar": _RESNET,
    "resnet110_cifar": _RESNET,
    "vgg16_cifar": _VGG,
    "vgg16_cifar_retrain": {**_VGG, "epochs": 150, "milestones": list(range(30, 150, 30))},
    "densenet22_cifar": {
        **_CIFAR,
        "batch_size": 64,
        "nesterov": True,
        "epochs": 300,
        "milestones": [150, 225],
        "warmup_epochs": 10,
    },
    "wrn16_8_cifar": {
        **_CIFAR,
        "batch_size": 128,
        "nesterov": True,
        "weight_decay": 5e-4,
        "epochs": 200,
        "milestones": [60, 120, 160],
        "gamma": 0.2,
        "warmup_epochs": 5,
    },
    "resnet18_imagenet": _IMAGENET,
    "resnet101_imagenet": _IMAGENET,
    "deeplabv3_voc": {
        **_SGD,
        "batch_size": 16,
        "lr": 0.02,
        "epochs": 45,
        "schedule": "poly",
        "power": 0.9,
        "warmup_epochs": 0,
        "cut": "scale",
        "flip": True,
    },
}
