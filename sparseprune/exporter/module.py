"""torch module -> ONNX file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx
import torch
from torch import nn

from sparseprune.convert import bounds
from sparseprune.errors import GateError, InputError
from sparseprune.exporter import provenance
from sparseprune.exporter.deploy import Bounds, Source, deploy
from sparseprune.exporter.options import Options
from sparseprune.exporter.probe import Batch, as_pictures, enough, pictures_probe
from sparseprune.exporter.translate import INPUT, OPSET, OUTPUT, translate
from sparseprune.exporter.zeros import check_zeros
from sparseprune.formats import checkpoint
from sparseprune.formats.finite import check_finite
from sparseprune.rewrite import versions
from sparseprune.runtime import TorchRunner


def export(
    model: nn.Module,
    path: Path,
    example_inputs: object,
    entries: Mapping[str, Any],
    options: Options,
) -> dict[str, Any]:
    """See :func:`sparseprune.export`."""
    pictures = as_pictures(example_inputs)
    check_finite(model.state_dict())
    opset = min(OPSET, versions.newest(options.oldest)[0])
    proto = translate(model, torch.from_numpy(pictures), opset)
    provenance.strip(proto)
    check_zeros(model, proto)
    try:
        onnx.checker.check_model(proto, full_check=True)
    except onnx.checker.ValidationError as error:
        raise GateError(f"{path}: torch wrote an invalid ONNX model: {error}") from error
    shown = enough(pictures)

    def limits() -> Bounds:
        return [{OUTPUT: limit(model, shown, options.bound)}]

    source = Source(
        proto,
        checkpoint.digest(model.state_dict()),
        pictures_probe(INPUT, shown),
        [{OUTPUT: TorchRunner(model).predict(shown)}],
        limits,
        translated=True,
    )
    return deploy(source, path, options, entries)


def limit(model: nn.Module, probe: Batch, bound: float | None) -> npt.ArrayLike:
    """The given bound, or the computed one for every logit.

    Raises:
        InputError: the model has an operation without a known rounding error.
    """
    if bound is not None:
        return bound
    try:
        return bounds.difference(model, torch.from_numpy(probe)).numpy()
    except InputError as error:
        raise InputError(
            f"{error}; give the largest difference of a logit to allow as 'bound'"
        ) from error
