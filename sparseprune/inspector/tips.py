"""What would make a file faster or smaller."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx

from sparseprune import rewrite

# Below this a file is small in any form.
_LARGE_BYTES = 2**20
# A form has to be worth a command: a third of the file.
_WORTH = 2 / 3
# Up to here the demo's networks gain under a tenth (README.md: 60 % of the parameters, 1.23 times).
_FEW_ZEROS = 0.5
_COMPACT_OPS = frozenset({"Conv", "Gemm", "MatMul"})


Tip = dict[str, str | None]


def tips(proto: onnx.ModelProto, found: dict[str, Any]) -> list[Tip]:
    """Each a ``sentence`` and the ``command`` to run, or None; often there is no tip.

    Args:
        proto: the model.
        found: what ``inspect`` found of it.
    """
    return [*_slim(proto, found), *_compact(found), *_speed(found)]


def _slim(proto: onnx.ModelProto, found: dict[str, Any]) -> Iterator[Tip]:
    """Asked of the rewriting itself: not every dead filter can leave."""
    dead = sum(layer.get("dead_outputs", 0) for layer in found["layers"])
    external = any(t.data_location == onnx.TensorProto.EXTERNAL for t in proto.graph.initializer)
    if not dead or external or found["file"]["form"] == "compact":
        return
    try:
        if found["provider"] is None:  # nobody has looked whether the model is valid
            onnx.checker.check_model(proto)
        smaller = rewrite.slim(proto).ByteSize() / proto.ByteSize()
    except (ValueError, onnx.checker.ValidationError):
        return
    sentence = (
        f"{dead} filters hold zeros alone; without what they reach, the file is "
        f"{1 - smaller:.0%} smaller, and faster everywhere"
    )
    yield _tip(sentence, found, "slim")


def _compact(found: dict[str, Any]) -> Iterator[Tip]:
    """Kept weights and byte steps, or one bit a weight, against whole float32 weights."""
    size = found["file"]["bytes"] + found["file"]["beside"]
    layers = [x for x in found["layers"] if x["op"] in _COMPACT_OPS and "kept" in x]
    distinct = {x["weight"]: x for x in layers}.values()
    saved = sum(
        max(4 * x["weights"] - 4 * x["kept"] - min(x["kept"], x["weights"] // 8), 0)
        for x in distinct
    )
    if size > _LARGE_BYTES and size - saved < _WORTH * size:
        sentence = (
            f"with its zeros left out it takes about {(size - saved) / 2**20:.1f} MiB instead of "
            f"{size / 2**20:.1f}"
        )
        yield _tip(sentence, found, "compact")


def _speed(found: dict[str, Any]) -> Iterator[Tip]:
    provider, totals = found["provider"], found["totals"]
    if provider is None or not totals["layer_weights"]:
        return
    share = totals["layer_zeros"] / totals["layer_weights"]
    if share < _FEW_ZEROS:
        sentence = (
            f"{share:.0%} of the layers' weights are zeros, too few to gain from; sparse networks "
            "run faster from about 60 % on"
        )
        yield {"sentence": sentence, "command": None}
    elif provider["claimed"] and "tuning" not in found["provenance"]:
        sentence = "it has no tuning: the fastest tiles on this CPU are not known"
        yield _tip(sentence, found, found["file"]["form"], " --tune full")


def _tip(sentence: str, found: dict[str, Any], form: str, options: str = "") -> Tip:
    path = Path(found["file"]["path"])
    stem = path.stem.removesuffix(f"-{form}")
    target = shlex.quote(f"{stem}-{'tuned' if options else form}.onnx")
    source = shlex.quote(str(path))
    command = f"sparseprune export {source} --form {form} -o {target}{options}"
    return {"sentence": sentence, "command": command}
