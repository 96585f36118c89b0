"""Weights that training has spoilt are refused wherever a network enters or leaves."""

from collections.abc import Mapping

import torch

from sparseprune.errors import InputError


def check_finite(tensors: Mapping[str, torch.Tensor], where: str = "") -> None:
    """Raise unless every value of every tensor is finite; ``where`` begins the sentence.

    Raises:
        InputError: names the first tensor that holds NaN or infinity.
    """
    for name, tensor in tensors.items():
        bad = int(tensor.numel() - torch.isfinite(tensor).sum())
        if bad:
            raise InputError(
                f"{where}tensor {name!r}: expected finite values, got {bad} NaN or infinite of "
                f"{tensor.numel()}; train again, with a lower learning rate if training diverged"
            )
