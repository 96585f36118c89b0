"""ONNX file -> ONNX file: any tool's model, in the form asked for, checked. Needs no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from sparseprune.errors import InputError
from sparseprune.exporter import external, parity, ports, validity
from sparseprune.exporter.candidate import Candidate
from sparseprune.exporter.deploy import Source, deploy
from sparseprune.exporter.options import Options
from sparseprune.files import sha256
from sparseprune.rewrite import reading


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
    if any(np.isnan(a).any() for run in answers for a in run.values() if a.dtype.kind == "f"):
        raise InputError(f"{source}: {_spoilt(proto, given=example_inputs is not None)}")
    del reference

    network = Source(
        str(source),
        proto,
        sha256(source),
        probe,
        answers,
        lambda: parity.limits(answers, options.bound),
        translated=False,
    )
    return deploy(network, path, options, entries)


def _spoilt(proto: onnx.ModelProto, given: bool) -> str:
    """Why the source answers NaN, as far as the file tells."""
    for tensor in proto.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype.kind == "f" and (bad := int(np.isnan(array).sum())):
            return f"tensor {tensor.name!r}: expected numbers, got {bad} NaN; train it again"
    kind = "the inputs given" if given else "generated inputs"
    return f"expected answers that are numbers, got NaN for {kind}; give others (--inputs)"


def load(source: Path) -> onnx.ModelProto:
    """A valid model with its weights inside, also those that lay in files beside it.

    Raises:
        InputError: the file is missing, not ONNX or invalid, holds names that are no text, or
            keeps weights outside its folder.
    """
    proto = reading.read(source)
    if fault := validity.fault(source if external.is_large(proto) else proto):
        raise InputError(f"{source}: expected a valid ONNX model, got {fault}; export it again")
    return proto
