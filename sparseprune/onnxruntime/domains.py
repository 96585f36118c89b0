"""Whether a model uses our operators, read without the package onnx."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_OPSET_IMPORT = 8  # the field of ModelProto
_DOMAIN = b"\x0a\x0bsparseprune"  # field 1, a text of 11 bytes
_MOST = 1000  # bytes of an opset_import that has a name worth reading
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types of protobuf


def is_compact(model: str | os.PathLike[str] | bytes) -> bool:
    """Whether a serialized model, or the one in a file, imports our domain of operators.

    Only the outermost fields are read, and none of them but the imports. What is no model is not
    compact.
    """
    with io.BytesIO(model) if isinstance(model, bytes) else Path(model).open("rb") as file:
        return any(_DOMAIN in entry for entry in _opset_imports(file))


def _opset_imports(file: BinaryIO) -> Iterator[bytes]:
    while (tag := _varint(file)) is not None:
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            _varint(file)
        elif wire in (_FIXED64, _FIXED32):
            file.seek(8 if wire == _FIXED64 else 4, os.SEEK_CUR)
        elif wire == _BYTES and (length := _varint(file)) is not None:
            if number == _OPSET_IMPORT and length < _MOST:
                yield file.read(length)
            else:
                file.seek(length, os.SEEK_CUR)
        else:
            return


def _varint(file: BinaryIO) -> int | None:
    """The next one; None at the end, or if it is none."""
    value = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value if value < 2**63 else None
    return None
