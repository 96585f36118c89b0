"""Files that a model says its weights lie in, read without the package onnx.

ONNX Runtime 1.27 refuses those outside the model's folder; 1.23 and older open whatever they are
told to (both observed), so a stranger's model could read any file into its outputs.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sparseprune.errors import InputError

REFUSED_SINCE = (1, 27)
# Which fields of which messages of onnx.proto lead to tensors. Entries are pairs of texts.
_INSIDE = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_DEEPEST = 100  # messages inside each other: protobuf reads no deeper
_KEY, _VALUE = 1, 2  # of an entry
_VARINT, _BYTES = 0, 2  # wire types of protobuf
_SIZES = {1: 8, _BYTES: 0, 5: 4}  # of the others; that of bytes is said


class _NotAModel(Exception):
    """Or one that this reading of it does not follow."""


def check(model: str | os.PathLike[str]) -> None:
    """See that all weights lie in the folder of the model's file, or in one inside.

    Raises:
        InputError: If they do not, by a path or by a link, or the file is no model.
    """
    path = Path(model)
    folder = path.parent.resolve()
    try:
        with path.open("rb") as file:
            places = set(_locations(file, "model", path.stat().st_size, 0))
    except _NotAModel as error:
        raise InputError(
            f"expected an ONNX model, but {path} is truncated or something else; export it again"
        ) from error
    for place in places:
        if not _is_inside(folder, os.fsdecode(place)):
            raise InputError(
                f"expected the weights of {path} inside its folder, but it names "
                f"{os.fsdecode(place)!r}; save the model with its weights beside it"
            )


def _is_inside(folder: Path, place: str) -> bool:
    if "\0" in place or Path(place).is_absolute():
        return False
    return (folder / place).resolve().is_relative_to(folder)


def _locations(file: BinaryIO, message: str, end: int, depth: int) -> Iterator[bytes]:
    """The value of each pair with the key "location", in a message that ends at `end`."""
    if depth > _DEEPEST:
        raise _NotAModel
    for number, size in _fields(file, end):
        inside = _INSIDE[message].get(number)
        if inside == "entry":
            texts = [(n, file.read(length)) for n, length in _fields(file, file.tell() + size)]
            # Protobuf takes the last of several keys, and of several values.
            if (_KEY, b"location") in texts:
                yield from (text for n, text in texts if n == _VALUE)
        elif inside is not None:
            yield from _locations(file, inside, file.tell() + size, depth + 1)


def _fields(file: BinaryIO, end: int) -> Iterator[tuple[int, int]]:
    """(number, size) of each field that is bytes, with the file at its start."""
    while file.tell() < end:
        number, wire = divmod(_varint(file), 8)
        if wire == _VARINT:
            _varint(file)
        elif wire in _SIZES:
            size = _varint(file) if wire == _BYTES else _SIZES[wire]
            after = file.tell() + size
            if after > end:
                raise _NotAModel
            if wire == _BYTES:
                yield number, size
            file.seek(after)
        else:
            raise _NotAModel


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise _NotAModel
