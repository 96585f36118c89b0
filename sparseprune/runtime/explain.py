"""What our execution provider makes of a model: decisions, plans and their reasons."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sparseprune import onnxruntime
from sparseprune.errors import InputError

_TYPES = {"float": "float32", "double": "float64"}  # ONNX Runtime's names that are not NumPy's


def explain(
    model: Path, *, batch: int | None = None, shapes: Mapping[str, Sequence[int]] | None = None
) -> dict[str, Any]:
    """Run a model once on zeros, and tell what the provider decided on the way.

    Args:
        model: An ONNX file.
        batch: The first extent of every input where the model leaves it open; None is 1.
        shapes: The shape of an input by its name; "" names the only one.

    Returns:
        ``inputs`` (shape by name), ``isa`` (None where nothing is claimed), ``nodes`` (all, in
        execution order: ``name``, ``op``, ``region`` or None, ``reason``, estimated ``ours`` and
        ``theirs`` in cycles), ``layers`` (the steps that claimed nodes became; csrc/ort/explain.h
        has their members) and ``estimate``: cycles ``ours`` (claimed parts and their borders, and
        the rest with the CPU provider) and ``theirs`` (all with the CPU provider), of the nodes
        whose cost is known.

    Raises:
        InputError: For a file that is no ONNX model, an input whose shape is open, and a shape
            that does not fit.
    """
    inputs = _inputs(model)
    sizes = _resolve(inputs, batch, dict(shapes or {}))
    feeds = {i.name: _zeros(i, sizes[i.name]) for i in inputs}
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "explained"
        session = onnxruntime.session(
            model,
            provider="sparseprune",
            threads=1,
            explain=lines,
            options=_fixed(inputs, sizes),
        )
        try:
            session.run(None, feeds)
        except Exception as error:
            raise InputError(onnxruntime.cause(str(model), error)) from error
        text = lines.read_text(encoding="utf-8", errors="replace")
    return {
        "inputs": {name: list(size) for name, size in sizes.items()},
        # Names may hold what `splitlines` takes for the end of a line.
        **_gather([json.loads(line) for line in text.split("\n") if line]),
    }


def _inputs(model: Path) -> list[Any]:
    return list(onnxruntime.session(model, provider="cpu", threads=1).get_inputs())


def _dtype(name: str) -> np.dtype[Any]:
    inner = name.removeprefix("tensor(").removesuffix(")")
    try:
        return np.dtype(_TYPES.get(inner, inner))
    except TypeError as error:
        raise InputError(f"expected inputs that are numbers, got one of type {name}") from error


def _zeros(value: Any, size: tuple[int, ...]) -> npt.NDArray[Any]:
    try:
        return np.zeros(size, _dtype(value.type))
    except (MemoryError, ValueError) as error:
        raise InputError(
            f"there is no memory for input {value.name!r} of shape {_words(size)}; "
            "give a smaller one with --shape"
        ) from error


def _resolve(
    inputs: list[Any], batch: int | None, shapes: dict[str, Sequence[int]]
) -> dict[str, tuple[int, ...]]:
    """The shape to run each input with."""
    names = [i.name for i in inputs]
    if "" in shapes:
        if len(names) != 1:
            raise InputError(f"expected --shape NAME=..., one for each of {', '.join(names)}")
        shapes[names[0]] = shapes.pop("")
    for name in shapes:
        if name not in names:
            raise InputError(f"expected --shape for one of {', '.join(names)}, got {name!r}")
    return {i.name: _size(i, batch, shapes.get(i.name)) for i in inputs}


def _size(value: Any, batch: int | None, shape: Sequence[int] | None) -> tuple[int, ...]:
    known = [extent if isinstance(extent, int) else None for extent in value.shape]
    if shape is None:
        if None in known[1:]:
            raise InputError(
                f"the shape of input {value.name!r} is open: {_words(value.shape)}; "
                f"give it with --shape {value.name}="
                + ",".join("?" if extent is None else str(extent) for extent in known)
            )
        shape = [*_first(value, known, batch), *(extent or 0 for extent in known[1:])]
    fits = len(shape) == len(known) and all(
        extent in (None, asked) for extent, asked in zip(known, shape, strict=True)
    )
    if not fits:
        raise InputError(
            f"input {value.name!r} has shape {_words(value.shape)}, got --shape {_words(shape)}"
        )
    return tuple(shape)


def _first(value: Any, known: list[int | None], batch: int | None) -> list[int]:
    if not known:
        return []
    if batch is not None and known[0] not in (None, batch):
        raise InputError(f"input {value.name!r} has a fixed batch of {known[0]}, got {batch}")
    return [(batch or 1) if known[0] is None else known[0]]


def _words(shape: Sequence[Any]) -> str:
    return "[" + ", ".join(str(extent) if extent is not None else "?" for extent in shape) + "]"


def _fixed(inputs: list[Any], sizes: Mapping[str, tuple[int, ...]]) -> Any:
    """Options that tell ONNX Runtime the open extents, so that it infers all shapes from them."""
    options = onnxruntime.quiet_options()
    known: dict[str, int] = {}
    for value in inputs:
        for symbol, extent in zip(value.shape, sizes[value.name], strict=True):
            if isinstance(symbol, str) and known.setdefault(symbol, extent) == extent:
                options.add_free_dimension_override_by_name(symbol, extent)
    return options


def _gather(rows: list[dict[str, Any]]) -> dict[str, Any]:
    nodes = [_strip(row) for row in rows if row["event"] == "node"]
    regions = [row for row in rows if row["event"] == "region"]
    layers = [_strip(row) for row in rows if row["event"] == "layer"]
    for node in nodes:
        node["region"] = None if node["region"] < 0 else node["region"]
    left = sum(n["theirs"] or 0 for n in nodes if n["region"] is None)
    order = {node["name"]: index for index, node in enumerate(nodes)}
    layers.sort(key=lambda layer: order.get(layer["name"], len(order)))
    isas = {layer.pop("isa") for layer in layers}
    return {
        "isa": min(isas, default=None),
        "nodes": nodes,
        "layers": layers,
        "estimate": {
            "ours": left + sum(region["ours"] for region in regions),
            "theirs": sum(node["theirs"] or 0 for node in nodes),
        },
    }


def _strip(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "event"}
