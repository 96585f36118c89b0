"""Large models: weights in a file beside the model, as ONNX's external data."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import onnx
from onnx import numpy_helper

from sparseprune.rewrite.external import EXTERNAL, nbytes, tensors

# The format's own limit: a protobuf message is shorter than 2 GiB.
LARGEST_BYTES = 2**31 - 1
# Smaller tensors stay in the model: they are shapes and scalars that inference has to see.
_SMALL_BYTES = 1024
# ONNX Runtime maps weights into memory where they begin on a page.
_PAGE_BYTES = 4096


def is_large(proto: onnx.ModelProto) -> bool:
    """Whether a model's tensors alone are too large for one file."""
    return _inner_bytes(proto) > LARGEST_BYTES


def file_bytes(proto: onnx.ModelProto) -> int:
    """The size of the model's file, or files."""
    size: int = proto.ByteSize() if not is_large(proto) else _inner_bytes(proto)
    return size


def _inner_bytes(proto: onnx.ModelProto) -> int:
    """Bytes of all tensors, found without copying them."""
    return sum(nbytes(tensor) for tensor in tensors(proto) if tensor.data_type in _NUMBERS)


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
        if tensor.data_type in _NUMBERS and nbytes(tensor) >= _SMALL_BYTES
    ]
