"""One safetensors file with one JSON document in its metadata: the shell of every file we store."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from sparseprune.errors import InputError, first_line
from sparseprune.files import Unwritable, replacing

# One key only: safetensors writes its metadata in hash order, so two keys would make the bytes of
# a file differ from run to run.
KEY = "sparseprune"


def write(
    path: Path, kind: str, tensors: Mapping[str, torch.Tensor], document: Mapping[str, Any]
) -> None:
    """Write ``tensors`` and ``document`` to ``path``, whole or not at all.

    Tensors are copied to the CPU in row-major order, so views, channels-last and shared storage
    are all welcome.

    Raises:
        InputError: ``document`` holds something JSON cannot (NaN included).
        Unwritable: the system refuses.
    """
    header = {"kind": kind, "version": 1, "document": document}
    try:
        text = json.dumps(header, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{path}: expected plain JSON values beside the {kind}, but {error}; convert them first"
        ) from error
    plain = {
        name: torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())
        for name, tensor in tensors.items()
    }
    try:
        with replacing(path) as temporary:
            save_file(plain, temporary, metadata={KEY: text})
    except (OSError, SafetensorError) as error:
        raise Unwritable(
            f"{path}: cannot be written: {first_line(error)}; make room or write elsewhere"
        ) from error


def read(path: Path, kind: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors and document of a file of ``kind``.

    Memory is bounded by the file's size: safetensors refuses a header whose offsets do not tile
    the file. Tensors are copies, so the file may go away afterwards.

    Raises:
        InputError: no such file, not a whole safetensors file, or not one of ours of this kind.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            document = _document(path, kind, (stream.metadata() or {}).get(KEY))
            names = sorted(stream.keys())
            return {name: stream.get_tensor(name).clone() for name in names}, document
    except FileNotFoundError as error:
        raise InputError(f"{path}: expected a {kind} file, found none; check the path") from error
    except (OSError, SafetensorError) as error:
        if path.is_dir():
            raise InputError(
                f"{path}: expected a {kind} file, got a folder; check the path"
            ) from error
        raise InputError(
            f"{path}: expected a whole safetensors file, got {error}; "
            f"the file is cut short or foreign, so write the {kind} again"
        ) from error


def is_foreign(path: Path) -> bool:
    """Whether this is a whole safetensors file that another program wrote."""
    try:
        with safe_open(path, framework="pt") as stream:
            return KEY not in (stream.metadata() or {})
    except (OSError, SafetensorError):
        return False


def _document(path: Path, kind: str, text: str | None) -> dict[str, Any]:
    if text is None:
        raise InputError(
            f"{path}: expected a {kind} written by sparseprune, got a safetensors file of another "
            f"program; give a {kind} file"
        )
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: expected JSON in its metadata, got {text[:40]!r}; "
            f"the file is damaged, write the {kind} again"
        ) from error
    found = header.get("kind") if isinstance(header, dict) else None
    if found != kind:
        raise InputError(f"{path}: expected a {kind}, got {found!r}; give a {kind} file")
    if header.get("version") != 1:
        raise InputError(
            f"{path}: expected version 1 of the {kind} file, got {header.get('version')!r}; "
            "read it with the sparseprune that wrote it"
        )
    document = header.get("document")
    if not isinstance(document, dict):
        raise InputError(
            f"{path}: expected a mapping in its metadata, got {type(document).__name__}; "
            f"the file is damaged, write the {kind} again"
        )
    return document
