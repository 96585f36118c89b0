"""The file as a whole: how it was made, what it takes and gives, and what it weighs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from sparseprune.errors import InputError
from sparseprune.inspector import tensors
from sparseprune.inspector.compact import is_compact
from sparseprune.rewrite import external

PREFIX = "sparseprune."


def facts(path: Path, proto: onnx.ModelProto) -> dict[str, Any]:
    """How the file was made, and its signature.

    Returns:
        ``path``, ``bytes``, ``beside`` (bytes of weights in other files), ``form`` (plain, compact
        or slim), ``ir``, ``opsets`` by domain, ``producer``, and ``inputs`` and ``outputs`` with
        ``name``, ``type`` and ``shape``.
    """
    weights = {tensor.name for tensor in proto.graph.initializer}
    return {
        "path": str(path),
        "bytes": path.stat().st_size,
        "beside": sum(external.present(tensor, path.parent) for tensor in _stored(proto)),
        "form": _form(proto),
        "ir": proto.ir_version,
        "opsets": {entry.domain or "ai.onnx": entry.version for entry in proto.opset_import},
        "producer": f"{proto.producer_name} {proto.producer_version}".strip(),
        # Before IR version 4 initializers are listed among the inputs.
        "inputs": [_port(port) for port in proto.graph.input if port.name not in weights],
        "outputs": [_port(port) for port in proto.graph.output],
    }


def provenance(proto: onnx.ModelProto) -> dict[str, Any]:
    """What sparseprune noted in the metadata, JSON read where it is JSON."""
    found = {}
    for entry in proto.metadata_props:
        if entry.key.startswith(PREFIX):
            found[entry.key.removeprefix(PREFIX)] = _read(entry.value)
    return found


def totals(proto: onnx.ModelProto, folder: Path, layers: list[dict[str, Any]]) -> dict[str, Any]:
    """What all layers hold: each weight counted once.

    Returns:
        ``parameters`` and ``zeros`` of all stored numbers but integers of 32 and 64 bits, those of
        compact weights as they stand for; ``layer_weights`` and ``layer_zeros`` of the layers
        alone; ``weight_bytes`` as stored; ``damaged``, how many tensors cannot be read.
    """
    distinct = {layer["weight"]: layer for layer in layers if "kept" in layer}
    weights = sum(layer["weights"] for layer in distinct.values())
    zeros = weights - sum(layer["kept"] for layer in distinct.values())
    rest, rest_zeros, damaged = 0, 0, sum("problem" in layer for layer in layers)
    known = {*distinct, *_indices(proto)}
    for tensor in proto.graph.initializer:
        if tensor.name in known or not tensors.holds_weights(tensor):
            continue
        try:
            mask = tensors.kept(tensor, folder)
        except InputError:
            damaged += tensor.name not in {layer["weight"] for layer in layers}
            continue
        rest, rest_zeros = rest + mask.size, rest_zeros + mask.size - int(mask.sum())
    return {
        "parameters": weights + rest,
        "zeros": zeros + rest_zeros,
        "layer_weights": weights,
        "layer_zeros": zeros,
        "weight_bytes": sum(tensors.stored_bytes(tensor, folder) for tensor in _stored(proto)),
        "damaged": damaged,
    }


def _form(proto: onnx.ModelProto) -> str:
    if any(is_compact(node) for node in proto.graph.node):
        return "compact"
    noted = provenance(proto).get("export")
    slim = isinstance(noted, dict) and noted.get("form") == "slim"
    return "slim" if slim else "plain"


def _indices(proto: onnx.ModelProto) -> Iterator[str]:
    """Tensors that say where compact weights are: no parameters."""
    return (node.input[2] for node in proto.graph.node if is_compact(node))


def _stored(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from proto.graph.initializer
    for tensor in proto.graph.sparse_initializer:
        yield from (tensor.values, tensor.indices)


def _port(port: onnx.ValueInfoProto) -> dict[str, Any]:
    kind = port.type.tensor_type
    shape = [d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in kind.shape.dim]
    return {
        "name": port.name,
        "type": _type(port.type),
        "shape": shape if kind.HasField("shape") else None,
    }


def _type(kind: onnx.TypeProto) -> str:
    """NumPy's name of a tensor's elements; else what it is instead of a tensor."""
    if kind.tensor_type.elem_type == onnx.TensorProto.STRING:
        return "string"  # which NumPy calls an object
    try:
        return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.tensor_type.elem_type)).name
    except (KeyError, TypeError):
        return kind.WhichOneof("value") or "unknown"


def _read(text: str) -> Any:
    """What JSON says; the text itself if it is none, or one that no program should be handed.

    NaN and infinities, which Python reads, are not JSON, and what is nested deeply breaks its
    readers.
    """
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return text
    return value if _depth(text) <= _DEEPEST else text


_DEEPEST = 20


def _depth(text: str) -> int:
    """At least how deeply brackets are nested in valid JSON; those inside strings count too."""
    depth = deepest = 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    return deepest
