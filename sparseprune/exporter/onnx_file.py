"""ONNX file -> ONNX file: any tool's model, in the form asked for, checked. Needs no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from sparseprune.errors import InputError
from sparseprune.exporter import external, parity, ports
from sparseprune.exporter.candidate import Candidate
from sparseprune.exporter.deploy import Source, deploy
from sparseprune.exporter.options import Options
from sparseprune.files import sha256

_BROKEN = (DecodeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError)


def export(
    source: Path,
    path: Path,
    example_inputs: object,
    entries: Mapping[str, Any],
    options: Options,
) -> dict[str, Any]:
    """See :func:`sparseprune.export`; the reference is ONNX Runtime's own CPU provider."""
    proto = load(source)
    if path.exists() and path.samefile(source):
        raise InputError(f"{path}: expected another path than the source's; choose a new name")
    # A small model is given as it was checked, so that no path in it is followed again.
    checked = source if external.is_large(proto) else bytes(proto.SerializeToString())
    reference = Candidate(checked, "cpu", str(source))
    probe = ports.probe(reference.session, example_inputs, options.shapes, str(source))
    answers = reference.answer(probe.runs)
    if not answers[0]:
        raise InputError(f"{source}: expected a model that gives tensors, got none to compare")
    del reference

    network = Source(
        proto,
        sha256(source),
        probe,
        answers,
        lambda: parity.limits(answers, options.bound),
        translated=False,
    )
    return deploy(network, path, options, entries)


def load(source: Path) -> onnx.ModelProto:
    """A valid model with its weights inside, also those that lay in files beside it.

    Raises:
        InputError: the file is missing, not ONNX or invalid, or keeps weights outside its folder.
    """
    if not source.is_file():
        raise InputError(f"{source}: expected an ONNX file, found none; check the path")
    try:
        proto = onnx.load(source, load_external_data=False)
        external.read(proto, source)
        if external.is_large(proto):
            onnx.checker.check_model(str(source))
        else:
            # ONNX's own shape inference does not know sparse initializers of convolutions.
            onnx.checker.check_model(proto, full_check=not proto.graph.sparse_initializer)
    except _BROKEN as error:
        brief = " ".join(str(error).split())[:300]
        raise InputError(
            f"{source}: expected a valid ONNX model, got {brief}; export it again"
        ) from error
    return proto
