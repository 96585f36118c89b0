"""No time is taken of a wrong answer: outputs against ONNX Runtime's dense run of the same file."""

import functools

import numpy as np
import numpy.typing as npt
import torch
from cases import Floats
from networks import Built, Zeros
from torch import nn

from sparseprune.convert import bounds
from sparseprune.errors import GateError
from sparseprune.runtime import OnnxRunner

# A wrong answer hides from one random signed sum of its logits with probability 1/2 at most
# (Freivalds 1977), and only if its errors cancel to the last digits.
_SUMS = 4
# Distinct samples: a bound costs about five passes of the network for each.
_DISTINCT = 2


class Gate:
    """What every float32 evaluation of one file must answer for the samples of one batch.

    All logits are compared, through random signed sums: the bound on a sum takes one backward
    pass, that on 1000 logits takes 1000.

    Attributes:
        batch: inputs [N, ...], a few distinct samples in random order.
        expected: ONNX Runtime's dense answers [N, classes].
    """

    def __init__(self, built: Built, zeros: Zeros, size: int) -> None:
        rng = np.random.default_rng(1)
        # Each sample is there; a random order has no pattern that a mistake could follow.
        order = np.append(np.arange(_DISTINCT), rng.integers(_DISTINCT, size=size))[:size]
        self.batch: Floats = np.ascontiguousarray(built.network.samples(_DISTINCT)[order])
        self._signs = _signs(built.network.classes)
        self._bound = _bound(built, zeros)[order]
        self.expected = OnnxRunner(built.path(zeros), provider="cpu").predict(self.batch)

    def used(self, found: npt.NDArray[np.generic]) -> float:
        """The largest share of its bound that a difference takes.

        Raises:
            GateError: it is more than the whole.
        """
        if found.shape != self.expected.shape or not np.isfinite(found).all():
            raise GateError(f"expected finite logits of shape {self.expected.shape}")
        difference = np.abs((found.astype(np.float64) - self.expected) @ self._signs.T)
        share = float(np.max(difference / self._bound))
        if share > 1:
            raise GateError(f"differs {share:.3g} times as much as rounding can explain")
        return share

    def error(self, found: npt.NDArray[np.generic]) -> float:
        """Largest difference relative to the largest logit: for lower precisions."""
        return float(np.abs(found - self.expected).max() / np.abs(self.expected).max())


def _signs(classes: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(3).choice([-1.0, 1.0], (_SUMS, classes))


@functools.cache
def _bound(built: Built, zeros: Zeros) -> npt.NDArray[np.float64]:
    """Of every distinct sample and sum."""
    signs = _signs(built.network.classes)
    sums = nn.Linear(signs.shape[1], signs.shape[0], bias=False)
    sums.weight = nn.Parameter(torch.from_numpy(signs).float(), requires_grad=False)
    summed = nn.Sequential(built.twin(zeros), sums)
    samples = torch.from_numpy(built.network.samples(_DISTINCT))
    return bounds.likely_difference(summed, samples).numpy()
