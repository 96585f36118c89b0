"""Run an ONNX file as it is deployed: an ordinary ONNX Runtime session, our provider in it."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sparseprune import onnxruntime
from sparseprune.errors import InputError
from sparseprune.runtime.runner import Batch, as_batch

# Pictures per session call. Activations of a small network then stay in the cache: 2 000 pictures
# took 101 to 104 ms at 50 or 125 a call and 112 ms at 1 000 (ResNet-8, one thread).
_PICTURES = 125


class OnnxRunner:
    """A Runner on an ONNX Runtime session.

    Attributes:
        session: the ordinary ``onnxruntime.InferenceSession`` behind it.
        requested: the provider that was asked for.
        loaded: whether SparsePruneExecutionProvider is in the session, to run what pays.
        provider: SparsePruneExecutionProvider if it runs at least one node (if it is in the
            session, where that is unknown), else CPUExecutionProvider.
        claimed: nodes our provider runs, and nodes in the model; None where ONNX Runtime is too
            old to tell.
    """

    def __init__(
        self,
        model: str | Path | bytes,
        *,
        threads: int | None = 1,
        provider: str = "auto",
        name: str | None = None,
        tune_seconds: float | None = None,
    ) -> None:
        """Load a model: a file, or the bytes of one.

        ``tune_seconds`` is what the first call of each new shape may spend on finding faster tiles
        (see ``onnxruntime.session``).

        Raises:
            InputError: the file is missing, damaged or unsupported, or is not a network from one
                float32 input to one output.
        """
        self.path = None if isinstance(model, bytes) else Path(model)
        self.name = name or (str(self.path) if self.path else "ONNX model")
        self.threads = threads
        self.requested = provider
        source = model if isinstance(model, bytes) else Path(model)
        self.session = onnxruntime.session(
            source, threads=threads, provider=provider, tune_seconds=tune_seconds
        )
        self.loaded = onnxruntime.PROVIDER in self.session.get_providers()
        self.claimed = onnxruntime.assignment(self.session)
        self.provider = self._main_provider()
        self._input, sizes = self._signature()
        self._output = self.session.get_outputs()[0].name
        self._batch, *self._shape = sizes

    def predict(self, batch: npt.NDArray[Any]) -> Batch:
        """Logits [N, classes] of normalised pictures [N, C, H, W], both float32.

        Of a network that segments: [N, classes, H, W].

        Raises:
            InputError: the batch is not what the model takes, or what it gives are not logits.
        """
        pictures = as_batch(batch, self._shape, self.name)
        step = self._batch or _PICTURES
        if self._batch and len(pictures) % self._batch:
            raise InputError(
                f"{self.name}: expected a multiple of {self._batch} pictures, got {len(pictures)}; "
                "the model's batch size is fixed, export it with a dynamic one"
            )
        parts = [self._run(pictures[i : i + step]) for i in range(0, len(pictures), step)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _run(self, pictures: Batch) -> Batch:
        try:
            (logits,) = self.session.run([self._output], {self._input: pictures})
        except Exception as error:  # ONNX Runtime's errors share no base of their own
            raise InputError(onnxruntime.cause(self.name, error)) from error
        if logits.ndim not in (2, 4) or len(logits) != len(pictures) or logits.dtype != np.float32:
            raise InputError(
                f"{self.name}: expected float32 logits of shape [{len(pictures)}, classes], got "
                f"{logits.dtype} {list(logits.shape)}; only networks that classify or segment are "
                "supported"
            )
        return logits  # type: ignore[no-any-return]

    def _main_provider(self) -> str:
        ours = self.loaded if self.claimed is None else self.claimed[0] > 0
        return onnxruntime.PROVIDER if ours else "CPUExecutionProvider"

    def _signature(self) -> tuple[str, list[int | None]]:
        """The input's name and its sizes, None where the model leaves one open."""
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            names = [", ".join(port.name for port in ports) for ports in (inputs, outputs)]
            raise InputError(
                f"{self.name}: expected a model with one input and one output, got inputs "
                f"{names[0]} and outputs {names[1]}; cut the model to one of each"
            )
        if inputs[0].type != "tensor(float)" or not inputs[0].shape:
            raise InputError(
                f"{self.name}: expected a float32 input of shape [N, ...], got {inputs[0].type} "
                f"{inputs[0].shape}; export the model in float32"
            )
        return inputs[0].name, [s if isinstance(s, int) else None for s in inputs[0].shape]
