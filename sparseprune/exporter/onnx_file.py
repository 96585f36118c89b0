"""ONNX file -> ONNX file: any tool's model, checked, with our provenance added."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from sparseprune.convert import check
from sparseprune.errors import InputError
from sparseprune.exporter import destination, provenance, tuning
from sparseprune.exporter.probe import Batch, as_pictures, enough
from sparseprune.files import sha256
from sparseprune.runtime import OnnxRunner

_BROKEN = (DecodeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError)
# Without the torch model no bound on rounding can be computed; two float32 evaluations of one
# network agree to at least half of the digits of float32, relative to the largest logit.
_HALF_THE_DIGITS = math.sqrt(np.finfo(np.float32).eps)


def export(
    source: Path,
    path: Path,
    example_inputs: object,
    entries: Mapping[str, Any],
    *,
    provider: str,
    bound: float | None,
    tune: tuning.Budget,
) -> dict[str, Any]:
    """See :func:`sparseprune.export`; the reference is ONNX Runtime's own CPU provider."""
    proto = load(source)
    if path.exists() and path.samefile(source):
        raise InputError(f"{path}: expected another path than the source's; choose a new name")
    reference = OnnxRunner(source, provider="cpu")
    probe = _probe(reference, example_inputs)
    tuning.tune(proto, probe, tune, provider)
    candidate = OnnxRunner(proto.SerializeToString(), provider=provider, name=str(path))
    if bound is None:
        bound = _HALF_THE_DIGITS * float(np.abs(reference.predict(probe)).max())
    found = check.parity(reference.predict, candidate.predict, probe, bound)
    parity = {**found, "provider": candidate.provider}
    origin = {"source": sha256(source), **provenance.tools()}
    provenance.stamp(proto, {**origin, **entries, "parity": parity})
    destination.write(proto, path)
    return parity


def load(source: Path) -> onnx.ModelProto:
    """A valid model that is whole in its file.

    Raises:
        InputError: the file is missing, not ONNX, invalid, or keeps weights in other files.
    """
    if not source.is_file():
        raise InputError(f"{source}: expected an ONNX file, found none; check the path")
    try:
        proto = onnx.load(source, load_external_data=False)
        _check_whole(source, proto)
        # ONNX's own shape inference does not know sparse initializers of convolutions.
        onnx.checker.check_model(proto, full_check=not proto.graph.sparse_initializer)
    except _BROKEN as error:
        brief = " ".join(str(error).split())[:300]
        raise InputError(
            f"{source}: expected a valid ONNX model, got {brief}; export it again"
        ) from error
    return proto


def _check_whole(source: Path, proto: onnx.ModelProto) -> None:
    """A path inside a model may point anywhere on this machine: none is followed."""
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(proto)):
        raise InputError(
            f"{source}: expected the weights inside the file, got external data; "
            "save the model as one file"
        )


def _tensors(message: Any) -> Iterator[onnx.TensorProto]:
    """Every tensor in a model: initializers, attributes, those of subgraphs and functions."""
    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from _tensors(part)


def _probe(reference: OnnxRunner, example_inputs: object) -> Batch:
    shape = reference.session.get_inputs()[0].shape
    if example_inputs is not None:
        return enough(as_pictures(example_inputs))
    if not all(isinstance(size, int) for size in shape[1:]):
        raise InputError(
            f"{reference.name}: expected example_inputs, because the model leaves its input's "
            f"shape {shape} open; give a batch of pictures"
        )
    return enough(np.empty((0, *shape[1:]), np.float32))
