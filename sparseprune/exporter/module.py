"""torch module -> ONNX file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx
import torch
from torch import nn

from sparseprune.convert import bounds, check
from sparseprune.errors import GateError, InputError
from sparseprune.exporter import destination, provenance, tuning
from sparseprune.exporter.probe import Batch, as_pictures, enough
from sparseprune.exporter.translate import translate
from sparseprune.exporter.zeros import check_zeros
from sparseprune.formats import checkpoint
from sparseprune.formats.finite import check_finite
from sparseprune.runtime import OnnxRunner, TorchRunner


def export(
    model: nn.Module,
    path: Path,
    example_inputs: object,
    entries: Mapping[str, Any],
    *,
    provider: str,
    bound: float | None,
    tune: tuning.Budget,
) -> dict[str, Any]:
    """See :func:`sparseprune.export`."""
    pictures = as_pictures(example_inputs)
    check_finite(model.state_dict())
    proto = translate(model, torch.from_numpy(pictures))
    provenance.strip(proto)
    check_zeros(model, proto)
    try:
        onnx.checker.check_model(proto, full_check=True)
    except onnx.checker.ValidationError as error:
        raise GateError(f"{path}: torch wrote an invalid ONNX model: {error}") from error
    probe = enough(pictures)
    tuning.tune(proto, probe, tune, provider)
    candidate = OnnxRunner(proto.SerializeToString(), provider=provider, name=str(path))
    found = check.parity(
        TorchRunner(model).predict, candidate.predict, probe, limit(model, probe, bound)
    )
    parity = {**found, "provider": candidate.provider}
    origin = {"source": checkpoint.digest(model.state_dict()), **provenance.tools()}
    provenance.stamp(proto, {**origin, **entries, "parity": parity})
    destination.write(proto, path)
    return parity


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
