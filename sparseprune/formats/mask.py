"""Which entries of which parameters are kept: named boolean tensors, packed eight to a byte."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.formats import container

#: Parameter name -> bool tensor of the parameter's shape, True where the entry is kept. A parameter
#: without a mask is dense. Pruned channels also mask the bias and BatchNorm entries that die.
Masks = dict[str, torch.Tensor]


def enforcer(model: nn.Module, masks: Masks) -> Callable[[], None]:
    """A function that zeroes the masked parameters of ``model`` in place, each time it is called.

    Checks and inversions are paid once here, so a training loop can call it after every step.

    Raises:
        InputError: a mask names no parameter of the model, or is not bool, or has another shape.
    """
    check(model, masks)
    parameters = dict(model.named_parameters())
    dead = {name: ~mask for name, mask in masks.items()}

    @torch.no_grad()
    def enforce() -> None:
        for name, where in dead.items():
            parameter = parameters[name]
            if where.device != parameter.device:
                where = dead[name] = where.to(parameter.device)
            # Not a product: 0 * NaN is NaN.
            parameter.masked_fill_(where, 0.0)

    return enforce


def apply(model: nn.Module, masks: Masks) -> None:
    """Zero the masked parameters of ``model`` in place.

    Raises:
        InputError: the masks do not fit the model (see ``check``).
    """
    enforcer(model, masks)()


def check(model: nn.Module, masks: Masks) -> None:
    """Raise ``InputError`` unless every mask is a bool tensor shaped like its parameter."""
    parameters = dict(model.named_parameters())
    for name, mask in masks.items():
        if name not in parameters:
            raise InputError(
                f"mask {name!r}: expected the name of a parameter, got none of the "
                f"{len(parameters)} this model has; give the masks made for this model"
            )
        expected = tuple(parameters[name].shape)
        if mask.dtype != torch.bool or tuple(mask.shape) != expected:
            raise InputError(
                f"mask {name!r}: expected bool of shape {list(expected)}, got "
                f"{str(mask.dtype).removeprefix('torch.')} of shape {list(mask.shape)}; "
                "give the masks made for this model"
            )


def of_zeros(model: nn.Module) -> Masks:
    """Masks read off the zeros of a model: every exact zero is taken for pruned.

    Parameters without a zero get no mask.
    """
    return {
        name: (parameter != 0).cpu()
        for name, parameter in model.named_parameters()
        if bool((parameter == 0).any())
    }


def save(path: Path, masks: Masks) -> None:
    """Write ``masks`` to ``path``: eight entries to a byte, first entry in the highest bit."""
    packed = {
        name: torch.from_numpy(np.packbits(mask.detach().cpu().numpy()))
        for name, mask in masks.items()
    }
    shapes = {name: list(mask.shape) for name, mask in masks.items()}
    container.write(path, "mask", packed, {"shapes": shapes})


def load(path: Path) -> Masks:
    """Masks written by ``save``.

    Raises:
        InputError: the file is missing, cut short or foreign, or a shape does not fit its bits.
    """
    packed, document = container.read(path, "mask")
    shapes = document.get("shapes")
    if not isinstance(shapes, dict) or shapes.keys() != packed.keys():
        raise InputError(
            f"{path}: expected a shape for each of {len(packed)} masks, got {shapes!r:.60}; "
            "the file is damaged, write the mask again"
        )
    return {name: _unpack(path, name, packed[name], shapes[name]) for name in packed}


def _unpack(path: Path, name: str, packed: torch.Tensor, shape: Any) -> torch.Tensor:
    size = _size(shape)
    fits = size is not None and packed.dtype == torch.uint8 and packed.dim() == 1
    if not fits or size is None or packed.numel() != (size + 7) // 8:
        raise InputError(
            f"{path}: mask {name!r}: expected the bits of shape {shape}, got "
            f"{packed.numel()} bytes; the file is damaged, write the mask again"
        )
    bits = np.unpackbits(packed.numpy(), count=size).astype(bool)
    return torch.from_numpy(bits.reshape(shape))


def _size(shape: Any) -> int | None:
    """Entries of ``shape``, or None where it is no list of whole numbers."""
    if not isinstance(shape, list) or any(type(side) is not int or side < 0 for side in shape):
        return None
    return math.prod(shape)
