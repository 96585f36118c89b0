"""Who made a file, of what, and how: strings in the ONNX metadata, readable wherever it runs."""

import json
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import onnx

import sparseprune
from sparseprune.errors import InputError

PREFIX = "sparseprune."
_PACKAGES = ("onnx", "onnxruntime", "numpy")


def strip(proto: onnx.ModelProto) -> None:
    """Remove what the translator noted per node, in place.

    It copies source lines and the paths of the machine that exported into the file.
    """
    graph = proto.graph
    owners = (graph, *graph.node, *graph.input, *graph.output, *graph.value_info)
    for owner in (*owners, *graph.initializer, *proto.functions):
        del owner.metadata_props[:]
        owner.ClearField("doc_string")


def stamp(proto: onnx.ModelProto, entries: Mapping[str, Any]) -> None:
    """Write ``entries`` into the model's metadata in place, each key under ``sparseprune.``.

    Strings are kept, anything else becomes JSON. Entries of the same key are replaced, foreign
    ones stay.

    Raises:
        InputError: a value JSON cannot hold.
    """
    texts = {f"{PREFIX}{key}": _text(key, value) for key, value in entries.items()}
    kept = [(entry.key, entry.value) for entry in proto.metadata_props if entry.key not in texts]
    del proto.metadata_props[:]
    for key, value in [*kept, *sorted(texts.items())]:
        proto.metadata_props.add(key=key, value=value)


def remove(proto: onnx.ModelProto, key: str) -> None:
    """Take the entry ``stamp`` made of ``key`` out of the model's metadata, in place."""
    kept = [entry for entry in proto.metadata_props if entry.key != f"{PREFIX}{key}"]
    del proto.metadata_props[:]
    proto.metadata_props.extend(kept)


def tools() -> dict[str, Any]:
    """The tool and the versions of what it exported with."""
    return {
        "version": sparseprune.__version__,
        "versions": {package: metadata.version(package) for package in _PACKAGES},
    }


def _text(key: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"provenance[{key!r}]: expected a string or JSON values, got {value!r} ({error})"
        ) from error
