"""Weights beside the model: ONNX's external data, read from its own folder and nowhere else."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO

import onnx
from onnx import helper, numpy_helper

from sparseprune.errors import InputError

# The format's own limit: a protobuf message is shorter than 2 GiB.
LARGEST_BYTES = 2**31 - 1
EXTERNAL = onnx.TensorProto.EXTERNAL
# Smaller tensors stay in the model: they are shapes and scalars that inference has to see.
_SMALL_BYTES = 1024
# ONNX Runtime maps weights into memory where they begin on a page.
_PAGE_BYTES = 4096


def tensors(message: Any) -> Iterator[onnx.TensorProto]:
    """Every tensor in a model: initializers, attributes, those of subgraphs and functions."""
    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from tensors(part)


def read(proto: onnx.ModelProto, source: Path) -> bool:
    """Bring the weights that lie beside ``source`` into the model, in place.

    A path inside a model may name any file of this machine, so only files that truly lie in the
    model's own folder are opened, and only as many bytes are read as the tensor has.

    Returns:
        Whether there were any.

    Raises:
        InputError: a path leaves the folder, a file is missing or too short, or a length is wrong.
    """
    found = False
    for tensor in tensors(proto):
        if tensor.data_location == EXTERNAL:
            found = True
            tensor.raw_data = _bytes(tensor, source)
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
    return found


def _bytes(tensor: onnx.TensorProto, source: Path) -> bytes:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    place = f"{source}: tensor {tensor.name!r}"
    path = _inside(source.parent, entries.get("location", ""), place)
    expected = _nbytes(tensor)
    try:
        offset = int(entries.get("offset", "0"))
        length = int(entries.get("length", str(expected)))
    except ValueError as error:
        raise InputError(f"{place}: its external data has a malformed entry ({error})") from error
    if length != expected or offset < 0:
        raise InputError(
            f"{place}: expected {expected} bytes of external data, got {length} from {offset}; "
            "save the model again"
        )
    with path.open("rb") as stream:
        stream.seek(offset)
        content = stream.read(expected) if path.stat().st_size >= offset + expected else b""
    if len(content) != expected:
        raise InputError(
            f"{place}: expected {offset + expected} bytes in {path.name}, got "
            f"{path.stat().st_size}; the file is cut short, copy it again"
        )
    return content


def _inside(folder: Path, location: str, place: str) -> Path:
    """The file a tensor names, if it lies in the model's folder.

    Raises:
        InputError: it does not, or there is none.
    """
    path = folder / location
    if not location or not _stays(location) or not _within(path, folder):
        raise InputError(
            f"{place}: expected external data in the model's folder, got {location!r}; "
            "put the file beside the model and save it with that name"
        )
    if not path.is_file():
        raise InputError(f"{place}: expected its weights in {path}, found none; copy that file too")
    return path


def _stays(location: str) -> bool:
    """Whether a path only goes down, on any system."""
    windows, posix = PureWindowsPath(location), PurePosixPath(location)
    rooted = posix.is_absolute() or windows.drive or windows.root
    return not rooted and ".." not in (*posix.parts, *windows.parts)


def _within(path: Path, folder: Path) -> bool:
    """What a link points to decides, not where it lies."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # links in a circle, a name with a NUL
        return False


def _nbytes(tensor: onnx.TensorProto) -> int:
    size: int = math.prod(max(extent, 0) for extent in tensor.dims)
    bits: int | None = _NARROW.get(onnx.TensorProto.DataType.Name(tensor.data_type))
    if bits is None:
        bits = 8 * int(helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    return -(-size * bits // 8)


# NumPy gives each of these a byte; a file does not.
_NARROW = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2}


def is_large(proto: onnx.ModelProto) -> bool:
    """Whether a model's tensors alone are too large for one file."""
    return _inner_bytes(proto) > LARGEST_BYTES


def file_bytes(proto: onnx.ModelProto) -> int:
    """The size of the model's file, or files."""
    size: int = proto.ByteSize() if not is_large(proto) else _inner_bytes(proto)
    return size


def _inner_bytes(proto: onnx.ModelProto) -> int:
    """Bytes of all tensors, found without copying them."""
    return sum(_nbytes(tensor) for tensor in tensors(proto) if tensor.data_type in _NUMBERS)


_NUMBERS = {
    kind
    for kind in onnx.TensorProto.DataType.values()
    if kind not in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING)
}


def write(proto: onnx.ModelProto, stream: BinaryIO) -> list[tuple[int, int]]:
    """Write the large initializers one after the other; the place and length of each."""
    places = []
    for tensor in _large(proto):
        if not tensor.HasField("raw_data"):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
        stream.seek(-(-stream.tell() // _PAGE_BYTES) * _PAGE_BYTES)
        places.append((stream.tell(), len(tensor.raw_data)))
        stream.write(tensor.raw_data)
    return places


@contextmanager
def beside(proto: onnx.ModelProto, location: str, places: list[tuple[int, int]]) -> Iterator[None]:
    """While the block runs, the large initializers are said to lie in ``location``."""
    kept = [(tensor, tensor.raw_data) for tensor in _large(proto)]
    try:
        for (tensor, _), (offset, length) in zip(kept, places, strict=True):
            tensor.ClearField("raw_data")
            tensor.data_location = EXTERNAL
            entries = {"location": location, "offset": str(offset), "length": str(length)}
            for key, value in entries.items():
                tensor.external_data.add(key=key, value=value)
        yield
    finally:
        for tensor, content in kept:
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
            tensor.raw_data = content


def _large(proto: onnx.ModelProto) -> list[onnx.TensorProto]:
    return [
        tensor
        for tensor in proto.graph.initializer
        if tensor.data_type in _NUMBERS and _nbytes(tensor) >= _SMALL_BYTES
    ]
