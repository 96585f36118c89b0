"""Weights beside a model: ONNX's external data, read from its own folder and nowhere else."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from sparseprune.errors import InputError
from sparseprune.files import lies_in

EXTERNAL = onnx.TensorProto.EXTERNAL
# NumPy gives each of these a byte; a file does not.
_NARROW = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2}


def tensors(message: Any) -> Iterator[onnx.TensorProto]:
    """Every tensor in a model: initializers, attributes, those of subgraphs and functions."""
    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from tensors(part)


def read(proto: onnx.ModelProto, source: Path) -> None:
    """Bring the weights that lie beside ``source`` into the model, in place.

    Raises:
        InputError: as :func:`content`.
    """
    for tensor in tensors(proto):
        if tensor.data_location == EXTERNAL:
            try:
                tensor.raw_data = content(tensor, source.parent)
            except InputError as error:
                raise InputError(f"{source}: {error}") from error
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")


def content(tensor: onnx.TensorProto, folder: Path) -> bytes:
    """The data of a tensor that keeps them in a file of ``folder``.

    A path inside a model may name any file of this machine, so only files that truly lie in the
    model's own folder are opened, and only as many bytes are read as the tensor has.

    Raises:
        InputError: a path leaves the folder, a file is missing, too short or cannot be read, or an
            entry is wrong.
    """
    place = f"tensor {tensor.name!r}"
    entries = {entry.key: entry.value for entry in tensor.external_data}
    path = _file(folder, entries.get("location", ""), place)
    try:
        expected = nbytes(tensor)
        offset = int(entries.get("offset", "0"))
        length = int(entries.get("length", str(expected)))
    except (KeyError, ValueError) as error:
        raise InputError(f"{place}: its external data has a malformed entry ({error})") from error
    if length != expected or offset < 0:
        raise InputError(
            f"{place}: expected {expected} bytes of external data, got {length} from {offset}; "
            "save the model again"
        )
    try:
        size = path.stat().st_size
        if size < offset + expected:
            raise InputError(
                f"{place}: expected {offset + expected} bytes in {path.name}, got {size}; "
                "the file is cut short, copy it again"
            )
        with path.open("rb") as stream:
            stream.seek(offset)
            return stream.read(expected)
    except OSError as error:
        raise InputError(f"{place}: cannot read {path}: {error.strerror or error}") from error


def present(tensor: onnx.TensorProto, folder: Path) -> int:
    """How many bytes of its data lie beside the model, whatever it claims; 0 if none may."""
    location = next((e.value for e in tensor.external_data if e.key == "location"), "")
    try:
        return min(nbytes(tensor), _file(folder, location, tensor.name).stat().st_size)
    except (InputError, KeyError, ValueError, OSError):
        return 0


def nbytes(tensor: onnx.TensorProto) -> int:
    """What a tensor's numbers take in a file.

    Raises:
        KeyError, ValueError: its type is none of ONNX's.
    """
    size: int = math.prod(max(extent, 0) for extent in tensor.dims)
    bits: int | None = _NARROW.get(onnx.TensorProto.DataType.Name(tensor.data_type))
    if bits is None:
        bits = 8 * int(helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    return -(-size * bits // 8)


def _file(folder: Path, location: str, place: str) -> Path:
    if not location or not lies_in(folder, location):
        raise InputError(
            f"{place}: expected external data in the model's folder, got {location!r}; "
            "put the file beside the model and save it with that name"
        )
    path = folder / location
    if not path.is_file():
        raise InputError(f"{place}: expected its weights in {path}, found none; copy that file too")
    return path
