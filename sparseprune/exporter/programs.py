"""torch.export programs (.pt2), read without running what strangers wrote into them.

``torch.export.load`` trusts its file: it unpickles (torch 2.13, ``pt2_archive/_package.py``:
``weights_only=False`` for some tensors and as a fallback for example inputs), evaluates sizes by
``sympy.sympify``, looks up any attribute of ``torch`` as an operator (``torch.os.system`` is one),
imports what a tree's context names, and puts names into source code that it executes. So the
archive is taken apart here, every part that could do any of that is checked or left out
(``program_checks``), and a new archive of what is left is given to torch.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import torch

from sparseprune.errors import InputError, first_line
from sparseprune.exporter import program_checks
from sparseprune.exporter.translate import OPSET, quiet

_RAW = re.compile(r"data/(weights/weight_\d+|constants/tensor_\d+)")
_CONFIGS = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
_GRAPH = "models/model.json"
_EXAMPLE = "data/sample_inputs/model.pt"
_WANTED = {
    *("archive_format", "archive_version", ".data/version", "byteorder", "version"),
    *(*_CONFIGS, _GRAPH, _EXAMPLE),
}


def read(path: Path) -> torch.export.ExportedProgram:
    """The program in a file that ``torch.export.save`` wrote.

    Raises:
        InputError: the file is missing or no such archive, or holds something that could run code.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected a torch.export program, found no file; check the path")
    try:
        clean = _rebuilt(path)
    except program_checks.Refused as error:
        raise InputError(
            f"{path}: expected a program of plain tensors and aten operators, found {error}; "
            "export the network in eval mode from plain modules, or give an ONNX file"
        ) from error
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, OSError) as error:
        raise InputError(
            f"{path}: expected a torch.export program of torch 2.8 or newer, got a file that is "
            f"none ({first_line(error)}); write it again with torch.export.save"
        ) from error
    try:
        with quiet():
            return torch.export.load(clean)
    except Exception as error:  # whatever is wrong inside comes in many types
        raise InputError(
            f"{path}: torch cannot read this program: {first_line(error)}; "
            "write it again with the torch that is installed here"
        ) from error


def to_onnx(program: torch.export.ExportedProgram, opset: int = OPSET) -> onnx.ModelProto:
    """The program as ONNX, whatever its inputs and outputs are.

    Raises:
        InputError: an operator has no ONNX counterpart.
    """
    try:
        with quiet(), _attention_copied(program):
            result = torch.onnx.export(program, dynamo=True, verbose=False, opset_version=opset)
    except Exception as error:
        raise InputError(
            f"the program has no ONNX counterpart: {first_line(_root(error))}; "
            f"replace what it uses by operators of ONNX opset {opset}, or export an ONNX file "
            "that torch.onnx.export(model, ..., dynamo=False) wrote"
        ) from error
    if result is None:
        raise InputError("torch.onnx returned no model; update torch and onnxscript")
    return result.model_proto


@contextmanager
def _attention_copied(program: torch.export.ExportedProgram) -> Iterator[None]:
    """Meanwhile, what attention gives is copied to rows in order.

    torch.onnx traces a program again, twice, and turns each ``reshape`` into what suits the strides
    of the first pass. Attention with a learned bias (T5, Swin) has others in the second, and a view
    of them fails (torch 2.13: where a mask requires gradients, another kernel is taken).
    """
    graph, ops = program.graph, torch.ops.aten
    copies = []
    for node in graph.nodes:
        if node.target is ops.scaled_dot_product_attention.default:
            with graph.inserting_after(node):
                copy = graph.call_function(ops.clone.default, (node,))
            copy.kwargs = {"memory_format": torch.contiguous_format}
            copy.meta = dict(node.meta)
            node.replace_all_uses_with(
                copy, delete_user_cb=lambda user, copy=copy: user is not copy
            )
            copies.append((node, copy))
    try:
        yield
    finally:
        for node, copy in copies:
            copy.replace_all_uses_with(node)
            graph.erase_node(copy)


def _root(error: BaseException) -> BaseException:
    """What torch.onnx wraps into a page of advice on how to write to its authors."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _rebuilt(path: Path) -> io.BytesIO:
    """An archive of what was checked. Two readers of one ZIP file may see different members."""
    parts: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(set(names)) < len(names):
            raise ValueError("the same member twice")
        # torch stores members as they are, so that what is read is no more than the file holds.
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("compressed members")
        for name in names:
            part = name.partition("/")[2]
            if part in _WANTED or _RAW.fullmatch(part):
                parts[part] = archive.read(name)
    for name in _CONFIGS:
        program_checks.payloads(json.loads(parts[name]), name.partition("/")[2])
    parts[_GRAPH] = json.dumps(program_checks.graph(json.loads(parts[_GRAPH]))).encode()
    _check_example(parts[_EXAMPLE])
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", zipfile.ZIP_STORED) as archive:
        for part, content in parts.items():
            archive.writestr(f"program/{part}", content)
    result.seek(0)
    return result


def _check_example(content: bytes) -> Any:
    try:
        return torch.load(io.BytesIO(content), weights_only=True) if content else None
    except Exception as error:
        raise program_checks.Refused("example inputs that are not only tensors") from error
