"""``inspect``: an overview of a file, at 80 columns."""

import textwrap
from collections import Counter
from typing import Any

from sparseprune.cli import names
from sparseprune.cli.tables import WIDTH, size, table

LABEL = 12  # the column of the facts' names; a hash fits beside it
# A name is whole unless somebody means harm: it is what the reader looks for.
_LONGEST_NAME = 60
# The longest a layer's name may be beside eight other columns.
NAME = 17
_PATTERNS = ("4x1", "1x4", "2:4")
# A layer that keeps this share is dense: every pattern is in it.
_DENSE = 0.995
_ALL_SHOWN = 200  # lines of values; the rest of a hostile file is counted


def text(found: dict[str, Any]) -> str:
    """The file, its provenance, its layers, what would run sparse, and the tips."""
    parts = [_file(found["file"], found["totals"]), _provenance(found["provenance"])]
    parts += _layers(found["layers"])
    parts += [_provider(found)]
    parts += map(_tip, found["tips"])
    return "\n\n".join(part for part in parts if part)


def _file(file: dict[str, Any], totals: dict[str, Any]) -> str:
    opsets = ", ".join(f"{names.shown(k)} {v}" for k, v in file["opsets"].items())
    made = f", by {names.ending(file['producer'], 40)}" if file["producer"] else ""
    share = totals["zeros"] / totals["parameters"] if totals["parameters"] else 0
    beside = f", and {size(file['beside'])} of weights beside it" if file["beside"] else ""
    count = f"{totals['parameters']:,}".replace(",", " ")
    lines = [
        _wrapped("file", f"{names.shown(file['path'])}, {size(file['bytes'])}{beside}"),
        _wrapped("form", f"{_form(file, share)}, IR {file['ir']}, opset {opsets}{made}"),
        *(_port("input", port) for port in file["inputs"][:_ALL_SHOWN]),
        *(_port("output", port) for port in file["outputs"][:_ALL_SHOWN]),
        _wrapped(
            "weights",
            f"{count} parameters, {share:.1%} zeros, stored in {size(totals['weight_bytes'])}",
        ),
    ]
    if totals["damaged"]:
        lines.append(_wrapped("damaged", f"tensors that cannot be read: {totals['damaged']}"))
    return "\n".join(lines)


def _form(file: dict[str, Any], zeros: float) -> str:
    words = {
        "compact": "compact: kept weights and where they are",
        "slim": "slim: plain ONNX without its dead channels",
        "plain": "plain ONNX with zeros kept" if zeros else "plain ONNX without zeros",
    }
    return words[file["form"]]


def _port(label: str, port: dict[str, Any]) -> str:
    extents = [names.ending(str(extent), _LONGEST_NAME) for extent in port["shape"] or []]
    shape = f"[{', '.join(extents)}]" if port["shape"] is not None else "of any shape"
    return _wrapped(label, f"{names.ending(port['name'], _LONGEST_NAME)}  {port['type']} {shape}")


def _provenance(entries: dict[str, Any]) -> str:
    lines = []
    for key, value in list(entries.items())[:_ALL_SHOWN]:
        words = _tuned(str(value)) if key == "tuning" else _words(value)
        lines.append(_wrapped(names.ending(key, _LONGEST_NAME), words, lines=2))
    return "\n".join(["made by sparseprune:", *lines]) if lines else ""


def _tuned(value: str) -> str:
    """A tuning is for machines; people want to know that there is one."""
    return f"{len(value.splitlines())} lines: tiles found by timing"


def _words(value: Any) -> str:
    """JSON as words: nested names joined by dots, numbers short."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return (
            "x".join(map(_words, value)) if _all_integers(value) else ", ".join(map(_words, value))
        )
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _all_integers(values: list[Any]) -> bool:
    return all(isinstance(value, int) for value in values)


def _layers(layers: list[dict[str, Any]]) -> list[str]:
    if not layers:
        return ["no layer holds weights"]
    head = ["layer", "operation", "weight", "kept", *_PATTERNS, "dead"]
    parts = [table(head, [_layer(layer) for layer in layers], tight=True, left=2)]
    problems = [_wrapped("damaged", x["problem"]) for x in layers if "problem" in x]
    legend = (
        "kept: share of the weights that are not zero; of those in blocks of 4 outputs (4x1), of "
        "4 inputs (1x4), and where at most 2 of 4 inputs are kept (2:4); dead: filters + channels "
        "that hold zeros alone"
    )
    return [*parts, *problems[:_ALL_SHOWN], "\n".join(textwrap.wrap(legend, WIDTH))]


def _layer(layer: dict[str, Any]) -> list[str]:
    line = [names.without_op(layer["name"], layer["op"], NAME), layer["op"]]
    if "problem" in layer:
        return [*line, "damaged", *[""] * 5]
    dense = layer["density"] > _DENSE
    shares = [layer[pattern] for pattern in _PATTERNS]
    dead = f"{layer['dead_outputs']}+{layer['dead_inputs']}"
    return [
        *line,
        "x".join(map(str, layer["shape"])),
        f"{layer['density']:.1%}" if layer["density"] < 0.0995 else f"{layer['density']:.0%}",
        *("" if dense or share is None else f"{share:.0%}" for share in shares),
        "" if dead == "0+0" else dead,
    ]


def _provider(found: dict[str, Any]) -> str:
    known = found["provider"]
    if known is None:
        return _wrapped("speed", f"not estimated: {found['unknown']}")
    shapes = ", ".join("x".join(map(str, shape)) for shape in known["inputs"].values())
    lines = [f"{known['claimed']} of {known['nodes']} nodes would run in our provider"]
    if known["claimed"]:
        lines[0] += f" ({known['isa']})"
    unknown = known["uncounted"]
    others = f"; nodes of unknown cost, not counted: {unknown}" if unknown else ""
    if known["claimed"]:
        lines += [
            f"estimated {known['speedup']:.1f} times as fast as without it (one thread, input "
            f"{shapes}{others})"
        ]
    parts = [_wrapped("speed", "; ".join(lines))]
    if known["left"]:
        parts += [table(["left to the CPU provider", "because"], _left(known["left"]), left=2)]
    return "\n\n".join(parts)


def _left(nodes: list[dict[str, Any]]) -> list[list[str]]:
    """Nodes left for one reason share a line."""
    reasons: dict[str, Counter[str]] = {}
    for entry in nodes:
        reasons.setdefault(entry["reason"], Counter())[names.shown(entry["op"])] += 1
    return [
        [", ".join(f"{n} {op}" for op, n in ops.most_common()), reason]
        for reason, ops in reasons.items()
    ]


def _tip(tip: dict[str, Any]) -> str:
    """A command is there to be copied: it is broken where a shell takes it as one."""
    sentence, command = _wrapped("tip", tip["sentence"]), names.shown(tip["command"] or "")
    if len(command) > WIDTH - 2:
        command = command.replace(" --form", " \\\n    --form", 1)
    return f"{sentence}\n  {command}" if command else sentence


def _wrapped(label: str, words: str, lines: int | None = None) -> str:
    """A label and its words beside it, a long label's further on; at most ``lines`` lines."""
    label = names.shown(label)
    return "\n".join(
        textwrap.wrap(
            names.shown(words),
            WIDTH,
            initial_indent=f"{label:<{LABEL - 2}}  ",
            subsequent_indent=" " * LABEL,
            max_lines=lines,
            placeholder=" …",
            break_on_hyphens=False,
        )
    )
