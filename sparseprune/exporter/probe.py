"""Pictures to ask both sides of a parity check."""

import numpy as np
import numpy.typing as npt
import torch

from sparseprune.errors import InputError

Batch = npt.NDArray[np.float32]

# A wrong layer changes nearly every answer, so a few pictures would do; more find what only some
# reach. The bound is computed for each in float64, about 30 ms a picture (ResNet-20, one thread).
_FEWEST, _MOST = 16, 32
_SEED = 0


def as_pictures(example: object) -> Batch:
    """The example batch as an array.

    Raises:
        InputError: it is not one float32 tensor [N, ...] of finite values.
    """
    if isinstance(example, tuple | list) and len(example) == 1:
        example = example[0]
    if not isinstance(example, torch.Tensor) or example.dtype != torch.float32:
        found = example.dtype if isinstance(example, torch.Tensor) else type(example).__name__
        raise InputError(
            f"example_inputs: expected one float32 tensor of shape [N, C, H, W], got {found}"
        )
    if example.ndim < 2 or example.numel() == 0:
        raise InputError(
            "example_inputs: expected a batch of shape [N, C, H, W], N >= 1, got "
            f"{list(example.shape)}"
        )
    if not torch.isfinite(example).all():
        raise InputError("example_inputs: expected finite pictures, got NaN or infinity")
    return example.detach().cpu().numpy()


def enough(pictures: Batch) -> Batch:
    """The first 32 ``pictures`` [N, ...], N >= 0; below 16, joined by standard normal ones.

    Normalised pictures have about that distribution; the seed is fixed.
    """
    missing = max(_FEWEST - len(pictures), 0)
    drawn = (
        np.random.default_rng(_SEED).normal(size=(missing, *pictures.shape[1:])).astype(np.float32)
    )
    return np.concatenate([pictures[:_MOST], drawn])
