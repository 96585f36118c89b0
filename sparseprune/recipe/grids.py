"""The study's grids of prune ratios (paper section 3.3), by name.

Each is a table of per cents, rounded to one decimal as the study gives them: what is gone of all
parameters after each cycle of pruning and retraining.
"""

_RESNET20 = """15.0 22.4 29.2 35.4 41.0 46.2 50.8 55.1 59.1 62.6 65.9 68.9 71.6 74.1 76.3 78.4
    80.3 82.0 83.6 85.0 89.6 93.8 98.0"""
_RESNET56 = """15.0 30.2 42.7 53.0 61.4 68.3 74.0 78.6 82.5 85.6 88.2 90.3 92.0 93.5 94.6 95.6
    96.4 97.0 97.6 98.0"""
_DENSENET22 = """15.0 24.1 32.1 39.4 45.8 51.6 56.8 61.4 65.5 69.2 72.4 75.4 78.0 80.3 82.4 84.3
    86.0 87.5 88.8 90.0 92.6 95.3"""
_ROBUST = "20.0 35.7 48.4 58.5 66.7 73.2 78.5 82.7 86.1 88.8 91.0 92.8 94.2 95.4 96.3 97.0"
# Known are its ends and its 13 cycles alone. All the others of about 20 % a cycle remove the same
# part of what is left every time, and so does this: (0.05 / 0.8)^(1/12) = 0.7937 stays.
_DENSENET22_ROBUST = "20.0 36.5 49.6 60.0 68.3 74.8 80.0 84.1 87.4 90.0 92.1 93.7 95.0"
_RESNET101 = "10.0 17.4 24.2 30.4 36.2 41.4 46.2 50.7 54.7 58.4 61.9 65.0 69.0 73.2 77.4 81.6"
_DEEPLAB = "20.0 36.5 49.6 60.0 68.3 74.8 80.0 84.1 87.4 90.0 92.0 93.7 95.1 96.2 97.0"


def _ratios(per_cents: str) -> list[float]:
    # 35.7 / 100 is not the float that 0.357 is; network ids and budgets are made of the decimals.
    return [round(float(number) / 100, 3) for number in per_cents.split()]


GRIDS: dict[str, list[float]] = {
    "resnet20_cifar": _ratios(_RESNET20),
    "resnet56_cifar": _ratios(_RESNET56),
    "resnet110_cifar": _ratios(_RESNET56),
    "vgg16_cifar": _ratios(_RESNET56),
    "densenet22_cifar": _ratios(_DENSENET22),
    "wrn16_8_cifar": _ratios(f"{_DENSENET22} 98.0"),
    "cifar_robust": _ratios(_ROBUST),
    "densenet22_cifar_robust": _ratios(_DENSENET22_ROBUST),
    "resnet18_imagenet": _ratios(f"{_RESNET101} 85.8 90.0"),
    "resnet101_imagenet": _ratios(_RESNET101),
    "deeplabv3_voc": _ratios(_DEEPLAB),
}
