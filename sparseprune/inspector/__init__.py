"""What an ONNX file is: its origin, what it holds, how it is pruned, what would run sparse."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparseprune.errors import InputError
from sparseprune.inspector import layers, model_file, tips
from sparseprune.runtime.explain import explain

__all__ = ["inspect"]


def inspect(
    path: Path, *, batch: int | None = None, shapes: Mapping[str, Sequence[int]] | None = None
) -> dict[str, Any]:
    """Describe an ONNX file, and run it once on zeros to see what our provider makes of it.

    The file may come from anyone: what it holds is bounded by its size, damaged weights are
    reported where they are, and everything but the provider's part is read without running it.

    Args:
        path: the file; external data are read from its folder alone.
        batch: the first extent of every input where the model leaves it open; None is 1.
        shapes: the shape of an input by its name; "" names the only one.

    Returns:
        ``file``, ``provenance`` and ``totals`` (see :mod:`~sparseprune.inspector.model_file`),
        ``layers`` (see :func:`~sparseprune.inspector.layers.describe`), ``provider`` (``inputs``,
        ``isa``, ``nodes``, ``claimed``, ``left`` with its reasons, ``speedup`` as estimated for
        one thread, and ``uncounted`` nodes whose cost is unknown), or None and ``unknown``, the
        reason why that cannot be told; ``tips``, what would make it faster.

    Raises:
        InputError: the file is missing, or no ONNX model.
    """
    proto = model_file.load(path)
    found = layers.describe(proto, path.parent)
    provider, unknown = _provider(path, batch, shapes)
    result = {
        "file": model_file.facts(path, proto),
        "provenance": model_file.provenance(proto),
        "totals": model_file.totals(proto, path.parent, found),
        "layers": found,
        "provider": provider,
        "unknown": unknown,
    }
    return {**result, "tips": tips.tips(proto, result)}


def _provider(
    path: Path, batch: int | None, shapes: Mapping[str, Sequence[int]] | None
) -> tuple[dict[str, Any] | None, str | None]:
    try:
        found = explain(path, batch=batch, shapes=shapes)
    except InputError as error:
        return None, str(error)
    left = [node for node in found["nodes"] if node["region"] is None]
    ours, theirs = found["estimate"]["ours"], found["estimate"]["theirs"]
    claimed = len(found["nodes"]) - len(left)
    return {
        "inputs": found["inputs"],
        "isa": found["isa"],
        "nodes": len(found["nodes"]),
        "claimed": claimed,
        "left": [{key: node[key] for key in ("name", "op", "reason")} for node in left],
        "speedup": theirs / ours if claimed and ours else 1.0,
        "uncounted": sum(node["theirs"] is None for node in found["nodes"]),
    }, None
