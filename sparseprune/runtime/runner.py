"""What a Runner is, and the check every Runner makes of its input."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from sparseprune.errors import InputError

Batch = npt.NDArray[np.float32]


@runtime_checkable
class Runner(Protocol):
    """Turns pictures into logits; every answer and every time in a report comes through one."""

    @property
    def name(self) -> str:
        """How messages call this network."""

    def predict(self, batch: npt.NDArray[Any]) -> Batch:
        """Logits [N, classes] of normalised pictures [N, C, H, W], both float32.

        Of a network that segments: [N, classes, H, W].

        Raises:
            InputError: the batch is not what the network takes.
        """


def as_batch(batch: npt.NDArray[Any], shape: Sequence[int | None], name: str) -> Batch:
    """``batch`` as a contiguous float32 array, its memory shared where it already is one.

    Args:
        batch: [N, ...], any floating type. Integers are refused: pixel values that nobody
            normalised are the likeliest reason for them.
        shape: expected sizes after the first axis; None takes any.
        name: the network, for the message.

    Raises:
        InputError: not an array of floats, wrong sizes, or empty.
    """
    if not isinstance(batch, np.ndarray) or batch.dtype.kind != "f":
        found = batch.dtype if isinstance(batch, np.ndarray) else type(batch).__name__
        raise InputError(
            f"{name}: expected a NumPy array of normalised float32 pictures, got {found}; "
            "normalise the pictures first"
        )
    sizes = batch.shape[1:]
    fits = len(sizes) == len(shape) and all(
        expected is None or size == expected for size, expected in zip(sizes, shape, strict=True)
    )
    if not fits or batch.ndim == 0 or len(batch) == 0:
        wanted = ", ".join(["N >= 1", *("any" if size is None else str(size) for size in shape)])
        raise InputError(
            f"{name}: expected a batch of shape [{wanted}], got {list(batch.shape)}; "
            "give the pictures in the order [N, C, H, W]"
        )
    return np.ascontiguousarray(batch, dtype=np.float32)
