"""What would make a file faster or smaller."""

import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx

from sparseprune import rewrite

# Below this a file is small in any form.
_LARGE_BYTES = 2**20
# A form has to be worth a command: a third of the file.
_WORTH = 2 / 3
# Where nothing is claimed, more zeros would help up to here; above, something else is in the way.
_FEW_ZEROS = 0.5
# The share of all zeros that is worth a word when it buys no time.
_MANY_ZEROS = 1 / 3
_COMPACT_OPS = frozenset({"Conv", "Gemm", "MatMul"})


Tip = dict[str, str | None]


def tips(proto: onnx.ModelProto, found: dict[str, Any]) -> list[Tip]:
    """Each a ``sentence`` and the ``command`` to run, or None; often there is no tip.

    Args:
        proto: the model.
        found: what ``inspect`` found of it.
    """
    return [*_slim(proto, found), *_compact(found), *_speed(found), *_dense_here(found)]


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
    if not provider["claimed"]:
        if share < _FEW_ZEROS:
            sentence = (
                f"{share:.0%} of the layers' weights are zeros, too few to gain from; networks of "
                "3 x 3 convolutions run faster from about 30 % on, others from 50 to 60 %"
            )
            yield {"sentence": sentence, "command": None}
    elif "tuning" not in found["provenance"]:
        sentence = "it has no tuning: the fastest tiles on this CPU are not known"
        yield _tip(sentence, found, found["file"]["form"], " --tune full")


def _dense_here(found: dict[str, Any]) -> Iterator[Tip]:
    """Zeros in layers of kinds that nothing of ours runs."""
    zeros = Counter[str]()
    for layer in found["layers"]:
        if "kept" in layer:
            zeros[_dense_kind(layer)] += layer["weights"] - layer["kept"]
    runnable = zeros.pop("", 0)
    dense = zeros.total()
    if dense > _MANY_ZEROS * (dense + runnable):
        kinds = ", ".join(kind for kind, _ in zeros.most_common())
        sentence = (
            f"{dense / (dense + runnable):.0%} of the layers' zeros are in layers of a kind that "
            f"always runs dense ({kinds}): single weights pruned there make nothing faster"
        )
        yield {"sentence": sentence, "command": None}


def _dense_kind(layer: dict[str, Any]) -> str:
    """What to call a layer that always runs dense; "" if it may run sparse."""
    if layer["op"] == "Conv" and len(layer["shape"]) != 4:
        return f"{len(layer['shape']) - 2}-D Conv"
    return "" if layer["op"] in _COMPACT_OPS else str(layer["op"])


def _tip(sentence: str, found: dict[str, Any], form: str, options: str = "") -> Tip:
    path = Path(found["file"]["path"])
    stem = path.stem.removesuffix(f"-{form}")
    target = shlex.quote(f"{stem}-{'tuned' if options else form}.onnx")
    source = shlex.quote(str(path))
    command = f"sparseprune export {source} --form {form} -o {target}{options}"
    return {"sentence": sentence, "command": command}
