"""``explain``: reading its shapes, and saying what it found."""

from itertools import groupby
from typing import Any

from sparseprune.cli import names
from sparseprune.cli.tables import table
from sparseprune.errors import InputError

# The longest a name may be beside the other columns.
NAME = 18


def parse_shapes(texts: list[str]) -> dict[str, list[int]]:
    """What ``--shape`` says: ["x=1,3,8,8"] as {"x": [1, 3, 8, 8]}; one without a name gets ""."""
    shapes = {}
    for text in texts:
        name, _, extents = text.rpartition("=")
        try:
            shapes[name] = [int(extent) for extent in extents.split(",")]
        except ValueError:
            shapes[name] = []
        if not shapes[name] or min(shapes[name]) < 1:
            raise InputError(f"expected --shape like 1,3,224,224 or NAME=1,3,224,224, got {text!r}")
    return shapes


def text(found: dict[str, Any]) -> str:
    """Layers, tiles, what is left to the CPU provider, and the whole, at 80 columns."""
    weighted = [layer for layer in found["layers"] if layer["bounds"]]
    parts = []
    if found["layers"]:
        images = max(layer["images"] for layer in found["layers"])
        each = f", {images} images at once" if images > 1 else ""
        parts += [f"run here ({found['isa']}{each}); bound: what it waits for, and how long:"]
        parts += [_layers(found["layers"])]
    if any(layer["tiles"] for layer in weighted):
        parts += ["tiles (rows x columns of vectors, / input channels at a time):"]
        parts += [_tiles([layer for layer in weighted if layer["tiles"]])]
    left = [node for node in found["nodes"] if node["region"] is None]
    parts += ["left to the CPU provider:", _left(left)] if left else []
    return "\n\n".join([*parts, _whole(found, len(left))])


def _layers(layers: list[dict[str, Any]]) -> str:
    head = ["layer", "operation", "output", "kept", "blocks", "bound", "Mcycles"]
    return table(head, [_layer(layer) for layer in layers])


def _layer(layer: dict[str, Any]) -> list[str]:
    line = [_name(layer["name"]), layer["op"], "x".join(map(str, layer["shape"][1:]))]
    if not layer["bounds"]:
        return [*line, "", "", "", ""]
    line += [f"{layer['density']:.0%}", _blocks(layer)]
    tightest = layer["bounds"][0]
    cycles = layer["tiles"][0]["cycles"] if layer["tiles"] else tightest["cycles"]
    share = min(1.0, tightest["cycles"] / cycles) if cycles else 1.0
    return [*line, f"{tightest['resource']} {share:.0%}", f"{cycles / 1e6:.3f}"]


def _blocks(layer: dict[str, Any]) -> str:
    """How many rows a block joins, and what share of the weights is in such blocks."""
    return f"{layer['block_rows']}x1 {layer['blocked']:.0%}" if layer["block_rows"] > 1 else "1x1"


def _tiles(layers: list[dict[str, Any]]) -> str:
    body = []
    for layer in layers:
        first, *others = layer["tiles"]
        # Some differ only in what the table does not show: rows to a task, prefetching.
        others = [tile for tile in others if _tile(tile) != _tile(first)]
        rivals = ", ".join(f"{_tile(t)} {t['cycles'] / first['cycles'] - 1:+.0%}" for t in others)
        why = "tuned" if layer["tuned"] else "cost model"
        body.append([_name(layer["name"]), _tile(first), why, rivals])
    return table(["layer", "tile", "chosen by", "others, by the cost model"], body)


def _tile(tile: dict[str, Any]) -> str:
    return f"{tile['rows']}x{tile['cols']}/{tile['channels']}"


def _left(nodes: list[dict[str, Any]]) -> str:
    """Neighbours left for one reason share a line."""
    body = []
    for reason, group in groupby(nodes, key=lambda node: node["reason"]):
        members = list(group)
        more = f" and {len(members) - 1} more" if len(members) > 1 else ""
        body.append([f"{members[0]['op']} {_name(members[0]['name'])}{more}", reason])
    return table(["node", "because"], body)


def _whole(found: dict[str, Any], left: int) -> str:
    ours, theirs = (found["estimate"][key] for key in ("ours", "theirs"))
    nodes = len(found["nodes"])
    counts = f"{nodes - left} of {nodes} nodes run here"
    if left == nodes or not ours:
        return f"{counts}: the network runs as without sparseprune"
    unknown = sum(node["theirs"] is None for node in found["nodes"])
    others = f",\nnot counting nodes whose cost is not known: {unknown}" if unknown else ""
    return (
        f"{counts}; estimated {ours / 1e6:.2f} million cycles on one thread,\n"
        f"{theirs / 1e6:.2f} by the CPU provider alone: {theirs / ours:.1f} times as fast{others}"
    )


def _name(title: str) -> str:
    return names.node(title, NAME)
