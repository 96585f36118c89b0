"""What our execution provider makes of a model: decisions, plans and their reasons."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparseprune import onnxruntime
from sparseprune.errors import InputError
from sparseprune.runtime import inputs

# A call itself, whatever the network: 5 us at 3.4 GHz, as a session of one product of 4 x 4 takes
# from Python (3 to 5 us of which with its arrays bound). Every node there costs 0.2 to 0.3 us more.
_CALL_CYCLES = 17_000


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
        InputError: For a file that is no ONNX model, an input whose shape is open, a shape that
            does not fit, and an ONNX Runtime without providers like ours.
    """
    status = onnxruntime.status()
    if status["loads"] and status["route"] != "provider":
        raise InputError(
            "only onnxruntime >= 1.23.1 has a sparse provider to ask, got "
            f"{status['onnxruntime']}; upgrade it with: pip install -U onnxruntime"
        )
    ports = inputs.declared(model)
    sizes = inputs.resolve(ports, batch, shapes or {})
    feeds = inputs.zeros(ports, sizes)
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "explained"
        session = onnxruntime.session(
            model,
            provider="sparseprune",
            threads=1,
            explain=lines,
            options=_fixed(ports, sizes),
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


def _fixed(ports: list[Any], sizes: Mapping[str, tuple[int, ...]]) -> Any:
    """Options that tell ONNX Runtime the open extents, so that it infers all shapes from them."""
    options = onnxruntime.quiet_options()
    known: dict[str, int] = {}
    for value in ports:
        for symbol, extent in zip(value.shape, sizes[value.name], strict=True):
            if isinstance(symbol, str) and known.setdefault(symbol, extent) == extent:
                options.add_free_dimension_override_by_name(symbol, extent)
    return options


def _gather(rows: list[dict[str, Any]]) -> dict[str, Any]:
    # Only the last graph that the provider was shown is run.
    last = max((i for i, row in enumerate(rows) if row["event"] == "graph"), default=0)
    rows = rows[last:]
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
            "ours": _CALL_CYCLES + left + sum(region["ours"] for region in regions),
            "theirs": _CALL_CYCLES + sum(node["theirs"] or 0 for node in nodes),
        },
    }


def _strip(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "event"}
