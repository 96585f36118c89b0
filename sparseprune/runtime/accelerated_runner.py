"""Run a network that ``sparseprune.accelerate`` made, for evaluation on what is deployed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sparseprune.runtime.answers import logits_of
from sparseprune.runtime.runner import Batch, as_batch

if TYPE_CHECKING:
    import torch
    from torch import nn


class AcceleratedRunner:
    """A Runner on an accelerated network, which it shares: nothing is copied.

    Pictures go through it as many at a time as it was made for, so the layers, and the recorded
    graph if there is one, are those that were measured; the last few are filled up.
    """

    provider = "cuda"

    def __init__(self, model: "nn.Module", *, name: str | None = None) -> None:
        """Of a classifier or a network that segments.

        Args:
            model: what ``sparseprune.accelerate`` returned.
            name: how messages call it; its class if None.
        """
        self.name = name or type(model).__name__
        self._model = model
        self._batch = max(1, int(getattr(model, "batch", 1)))

    def predict(self, batch: npt.NDArray[Any]) -> Batch:
        """Logits [N, classes] of normalised pictures [N, C, H, W], both float32.

        Of a network that segments: [N, classes, H, W], those under ``out`` if it gives several.

        Raises:
            InputError: the batch is not an array of floats or is empty.
        """
        sizes = batch.shape[1:] if isinstance(batch, np.ndarray) else ()
        parts = list(self._answers(as_batch(batch, sizes, self.name)))
        return np.concatenate(parts)

    def _answers(self, pictures: Batch) -> Iterator[Batch]:
        import torch

        for begin in range(0, len(pictures), self._batch):
            part = pictures[begin : begin + self._batch]
            lacking = self._batch - len(part)
            filled = np.concatenate([part, np.repeat(part[-1:], lacking, 0)]) if lacking else part
            logits = self._logits(torch.from_numpy(filled))
            yield logits[: len(part)]

    def _logits(self, pictures: "torch.Tensor") -> Batch:
        answer = self._model(pictures)
        # As torchvision's networks that segment, beside the auxiliary head they train with.
        logits = logits_of(answer)
        found: Batch = logits.float().cpu().numpy()
        return found
