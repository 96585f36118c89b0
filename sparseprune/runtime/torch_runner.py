"""Run a torch module: the masked dense twin that an accelerated network is compared with."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sparseprune.runtime.answers import logits_of
from sparseprune.runtime.runner import Batch, as_batch

if TYPE_CHECKING:
    import torch
    from torch import nn

# Pictures per forward pass: 2 000 pictures take 169 to 181 ms at 125 or 250 a pass and 219 ms at
# 1 000 (ResNet-8, one thread; on two threads 250 and 500 are the fastest); channels_last is 1.3 to
# 1.5 times faster than the default layout at each of these sizes.
_PICTURES = 250


class TorchRunner:
    """A Runner on a copy of a torch module, in evaluation mode. The module given is not changed."""

    provider = "torch"

    def __init__(
        self,
        model: "nn.Module",
        *,
        threads: int | None = None,
        name: str | None = None,
        path: Path | None = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        """Copy ``model``.

        Args:
            model: a classifier.
            threads: None keeps torch's own setting.
            name: how messages call it; its path or class if None.
            path: the file it comes from.
            input_shape: [C, H, W] it takes; None lets any shape through to the model.
        """
        import torch

        self.path = path
        self.name = name or (str(path) if path else type(model).__name__)
        self.threads = threads
        self._shape = input_shape
        self._model = copy.deepcopy(model).eval()
        self._lay_out(torch.channels_last)
        first = next(iter(self._model.parameters()), None)
        self._device = first.device if first is not None else torch.device("cpu")

    def predict(self, batch: npt.NDArray[Any]) -> Batch:
        """Logits [N, classes] of normalised pictures [N, C, H, W], both float32.

        Of a network that segments: [N, classes, H, W], those under ``out`` if it gives several.

        Raises:
            InputError: the batch is not an array of floats, is empty, or has another shape.
        """
        import torch

        sizes = self._shape
        if sizes is None:
            sizes = batch.shape[1:] if isinstance(batch, np.ndarray) else ()
        pictures = torch.from_numpy(as_batch(batch, sizes, self.name))
        if pictures.ndim != 4:
            self._lay_out(torch.contiguous_format)
        with torch.inference_mode(), _threads(self.threads):
            parts = [self._forward(part) for part in torch.split(pictures, _PICTURES)]
        logits: Batch = torch.cat(parts).numpy()
        return logits

    def _forward(self, part: "torch.Tensor") -> "torch.Tensor":
        import torch

        part = part.to(self._device)
        try:
            answer = self._model(part.contiguous(memory_format=self._layout))
            # As torchvision's networks that segment, beside the auxiliary head they train with.
            logits: torch.Tensor = logits_of(answer)
            return logits.float().cpu()
        except RuntimeError:
            if self._layout == torch.contiguous_format:
                raise
            # A forward method that calls view() needs the default layout.
            self._lay_out(torch.contiguous_format)
            return self._forward(part)

    def _lay_out(self, layout: "torch.memory_format") -> None:
        self._layout = layout
        self._model.to(memory_format=layout)  # type: ignore[call-overload]


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Lend torch's process-wide thread count to one call."""
    import torch

    before = torch.get_num_threads()
    if count is None or count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
