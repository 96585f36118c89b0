"""What was pruned must still be zero in the file: that is what makes it fast."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from torch import nn

from sparseprune.errors import GateError

Array = npt.NDArray[np.float32]


def check_zeros(model: nn.Module, proto: onnx.ModelProto) -> None:
    """Every zero of every convolution and linear weight is a zero of the file.

    Folding BatchNorm may only add zeros (a channel whose scale was pruned).

    Raises:
        GateError: names the first layer that lost a zero.
    """
    stored = {t.name: t for t in proto.graph.initializer}
    for name, weight in _weights(model):
        zeros = weight == 0
        if not zeros.any():
            continue
        if not any(_covers(candidate, zeros) for candidate in _candidates(stored, name, weight)):
            raise GateError(
                f"{name}: {int(zeros.sum())} pruned weights, but the ONNX file does not keep them "
                "all zero; export a model whose convolutions and linear layers are called directly"
            )


def _weights(model: nn.Module) -> Iterator[tuple[str, Array]]:
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            yield f"{name}.weight".lstrip("."), module.weight.detach().cpu().numpy()


def _candidates(
    stored: dict[str, onnx.TensorProto], name: str, weight: Array
) -> Iterator[npt.NDArray[np.generic]]:
    """The tensor of that name; where the translator renamed it, any of the same shape.

    A linear layer's weight may be stored transposed.
    """
    named = [stored[name]] if name in stored else list(stored.values())
    for tensor in named:
        if sorted(tensor.dims) == sorted(weight.shape):
            array = numpy_helper.to_array(tensor)
            yield array
            if array.ndim == 2:
                yield array.T


def _covers(candidate: npt.NDArray[np.generic], zeros: npt.NDArray[np.bool_]) -> bool:
    return candidate.shape == zeros.shape and not np.any(candidate[zeros])
