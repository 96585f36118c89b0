"""No time is taken of a wrong answer: a slice in float64, and NaN where memory was not written."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from sparseprune.accelerator.gate import ends
from sparseprune.errors import GateError

# Of 16-bit layers: outputs are rounded to 2^-9 or 2^-12 of themselves, sums are float32. Of
# networks: each of fifty layers adds its own.
LAYER, NETWORK = 1e-2, 1e-1


def error(found: Tensor, expected: Tensor, limit: float) -> float:
    """Norm of the slice's error over the norm of the slice.

    Args:
        found: [R, ...] of the same rank as ``expected``, all of the answer.
        expected: [S, ...] float64, the first and the last rows of the answer, see ``ends``.
        limit: of the error; and, so that no single element hides in the norm, of each element's
            error over its own size plus the root mean square.

    Raises:
        GateError: the answer is not finite, or not within ``limit``.
    """
    if found.shape[1:] != expected.shape[1:] or not bool(found.isfinite().all()):
        raise GateError(f"wrong: expected finite answers [., {list(expected.shape[1:])}]")
    wrong = ends(found, len(expected)).to(expected) - expected
    norm = float(wrong.norm() / expected.norm())
    scale = expected.abs() + expected.square().mean().sqrt()
    worst = float((wrong.abs() / scale).max())
    if not max(norm, worst) <= limit:
        raise GateError(f"wrong: error {norm:.2g}, of one element {worst:.2g}, above {limit:g}")
    return norm


@contextmanager
def poisoned() -> Iterator[None]:
    """New memory is NaN: what a kernel does not write, or reads before it does, is seen.

    torch fills what it allocates uninitialized as long as it is deterministic.
    """
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
