"""torch.export program -> ONNX file, whatever its inputs and outputs are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.utils import _pytree as pytree

from sparseprune.errors import GateError, InputError, first_line
from sparseprune.exporter import parity, ports, programs, provenance, validity
from sparseprune.exporter.candidate import Candidate
from sparseprune.exporter.deploy import Source, deploy
from sparseprune.exporter.options import Options
from sparseprune.exporter.parity import Answers
from sparseprune.exporter.probe import Feeds
from sparseprune.exporter.translate import OPSET
from sparseprune.formats import checkpoint
from sparseprune.rewrite import versions


def export(
    program: torch.export.ExportedProgram,
    path: Path,
    example_inputs: object,
    entries: Mapping[str, Any],
    options: Options,
) -> dict[str, Any]:
    """See :func:`sparseprune.export`; the reference is the program itself, run by torch."""
    opset = min(OPSET, versions.newest(options.oldest)[0])
    proto = programs.to_onnx(program, opset)
    provenance.strip(proto)
    if fault := validity.fault(proto):
        raise GateError(f"{path}: torch wrote an invalid ONNX model: {fault}")
    translated = Candidate(proto.SerializeToString(), "cpu", str(path))
    if example_inputs is None and program.example_inputs is not None:
        example_inputs = pytree.tree_leaves(program.example_inputs)
    probe = ports.probe(translated.session, example_inputs, options.shapes, "the program")
    outputs = [port.name for port in proto.graph.output]
    answers = [_answer(program, feeds, outputs) for feeds in probe.runs]
    source = Source(
        str(path),
        proto,
        checkpoint.digest(program.state_dict),
        probe,
        answers,
        lambda: parity.limits(answers, options.bound),
        translated=True,
    )
    return deploy(source, path, options, entries)


def _answer(program: torch.export.ExportedProgram, feeds: Feeds, outputs: list[str]) -> Answers:
    """What the program gives for inputs in the order in which ONNX has them."""
    flat = [torch.from_numpy(array.copy()) for array in feeds.values()]
    try:
        args, kwargs = pytree.tree_unflatten(flat, program.call_spec.in_spec)
        with torch.inference_mode():
            found = pytree.tree_leaves(program.module()(*args, **kwargs))
    except Exception as error:  # torch's own, of many types
        raise InputError(f"the program cannot run on its inputs: {first_line(error)}") from error
    return {name: value.numpy() for name, value in zip(outputs, found, strict=True)}
