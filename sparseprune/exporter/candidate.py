"""A network as one side of a parity check: an ordinary session, asked run by run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sparseprune import onnxruntime
from sparseprune.errors import InputError
from sparseprune.exporter.parity import Answers
from sparseprune.exporter.probe import Feeds

CPU = "CPUExecutionProvider"


class Candidate:
    """An ONNX model in ONNX Runtime.

    Attributes:
        session: the session.
        provider: the provider that runs at least one node of it, ours before the CPU provider.
    """

    def __init__(self, model: bytes | Path, provider: str, name: str) -> None:
        """Open a model.

        Raises:
            InputError: ONNX Runtime refuses it.
        """
        self._name = name
        self.session: Any = onnxruntime.session(model, threads=1, provider=provider)
        claimed = onnxruntime.assignment(self.session)
        present = onnxruntime.PROVIDER in self.session.get_providers()
        ours = present if claimed is None else claimed[0] > 0
        self.provider = onnxruntime.PROVIDER if ours else CPU

    def answer(self, runs: Sequence[Feeds]) -> list[Answers]:
        """What it gives for each run; outputs that are no tensors are left out.

        Raises:
            InputError: it cannot run.
        """
        names = [port.name for port in self.session.get_outputs()]
        found: list[Answers] = []
        for feeds in runs:
            try:
                values = self.session.run(names, feeds)
            except Exception as error:  # ONNX Runtime's errors share no base of their own
                raise InputError(onnxruntime.cause(self._name, error)) from error
            pairs = zip(names, values, strict=True)
            found.append({name: value for name, value in pairs if isinstance(value, np.ndarray)})
        return found
