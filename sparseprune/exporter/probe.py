"""What to ask both sides of a parity check: given inputs, or generated ones."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sparseprune.errors import InputError

Array = npt.NDArray[Any]
Batch = npt.NDArray[np.float32]
Feeds = dict[str, Array]
Shapes = Mapping[str, Sequence[int]]

# A wrong layer changes nearly every answer, so a few pictures would do; more find what only some
# reach. The bound is computed for each in float64, about 30 ms a picture (ResNet-20, one thread).
FEWEST, MOST = 16, 32
# Fewer of large pictures: those of 513 x 513 have 22 MB of logits each where all pixels are judged.
_PIXELS = 1 << 21
SEED = 0
_OTHERWISE = (
    "; a network of other inputs is exported as a program: "
    "sparseprune.export(torch.export.export(model, inputs), path)"
)


@dataclass(frozen=True)
class Probe:
    """Inputs for a parity check.

    Attributes:
        runs: the inputs of each run by name.
        single: the smallest run the model takes; for timing.
        images: samples in all runs.
    """

    runs: list[Feeds]
    single: Feeds
    images: int


def as_pictures(example: object) -> Batch:
    """The example batch as an array; it may be alone in a sequence or a mapping by name.

    Raises:
        InputError: it is not one float32 tensor or array [N, ...] of finite values.
    """
    if isinstance(example, Mapping):
        example = list(example.values())
    if isinstance(example, tuple | list):
        if len(example) != 1:
            raise InputError(
                "example_inputs: expected one float32 tensor of shape [N, C, H, W], got "
                f"{len(example)} of them; give the pictures alone{_OTHERWISE}"
            )
        example = example[0]
    if str(getattr(example, "dtype", "")).removeprefix("torch.") != "float32":
        found = getattr(example, "dtype", type(example).__name__)
        raise InputError(
            f"example_inputs: expected one float32 tensor of shape [N, C, H, W], got {found}; "
            f"give the pictures{_OTHERWISE}"
        )
    pictures = as_array(example)
    if pictures.ndim < 2 or pictures.size == 0:
        raise InputError(
            "example_inputs: expected a batch of shape [N, C, H, W], N >= 1, got "
            f"{list(pictures.shape)}"
        )
    if not np.isfinite(pictures).all():
        raise InputError("example_inputs: expected finite pictures, got NaN or infinity")
    return pictures


def as_array(example: Any) -> Array:
    """A tensor or array as an array; torch is not needed to know one of its tensors."""
    return example.detach().cpu().numpy() if hasattr(example, "detach") else np.asarray(example)


def enough(pictures: Batch) -> Batch:
    """The first 32 ``pictures`` [N, ...], N >= 0; below 16, joined by standard normal ones.

    Normalised pictures have about that distribution; the seed is fixed. Of pictures above 256 x 256
    pixels there are fewer, but two.
    """
    most = max(2, min(MOST, _PIXELS // max(1, math.prod(pictures.shape[2:]))))
    missing = max(min(FEWEST, most) - len(pictures), 0)
    drawn = (
        np.random.default_rng(SEED).normal(size=(missing, *pictures.shape[1:])).astype(np.float32)
    )
    return np.concatenate([pictures[:most], drawn])


def pictures_probe(name: str, pictures: Batch) -> Probe:
    """One run of a model with one input that takes any batch."""
    return Probe([{name: pictures}], {name: pictures[:1]}, len(pictures))
