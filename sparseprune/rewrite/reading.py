"""ONNX files that may come from anyone, as models."""

from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from sparseprune.errors import InputError
from sparseprune.rewrite import external


def read(path: Path, *, weights: bool = True) -> onnx.ModelProto:
    """The model in a file; not checked beyond what reading it needs.

    Args:
        path: the file.
        weights: whether those in files beside it are read too, see :func:`external.read`.

    Raises:
        InputError: the file is missing, cannot be read or is no ONNX model, or its weights cannot
            be read.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected an ONNX file, found none; check the path")
    wrong = f"expected an ONNX model, but {path} is truncated or something else; export it again"
    try:
        proto = onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise InputError(wrong) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    # An empty file is a valid message with nothing in it.
    if not proto.HasField("graph") or not proto.ir_version:
        raise InputError(wrong)
    if not _is_text(proto):
        raise InputError(f"{path}: expected names in UTF-8, got other bytes; export it again")
    if weights:
        external.read(proto, path)
    return proto


def _is_text(message: Any) -> bool:
    """Whether all strings are text: protobuf hands out what is no UTF-8 as bytes."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            parts = [value] if hasattr(value, "ListFields") else value
            if not all(map(_is_text, parts)):
                return False
        elif field.type == field.TYPE_STRING:
            texts = [value] if isinstance(value, str | bytes) else value
            if not all(isinstance(text, str) for text in texts):
                return False
    return True
