"""Rules of the nodes that look at the positions of each channel alone."""

import numpy as np
import onnx

from sparseprune.rewrite.slimming.atoms import Numbers, Track
from sparseprune.rewrite.slimming.flow import Flow, Rule
from sparseprune.rewrite.slimming.nodes import attributes, has


def _zero_stays(const: Numbers) -> Numbers:
    return np.where(const == 0, 0.0, np.nan)


def _pool(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    track = flow.track(node)
    if track is None or track.axis != 1 or (len(node.output) > 1 and node.output[1]):
        return None
    # The largest of equal numbers, or their mean, unless padding zeros count.
    counts_zeros = node.op_type == "AveragePool" and attributes(node).get("count_include_pad", 0)
    const = _zero_stays(track.const) if counts_zeros else track.const
    return [Track(track.rank, track.axis, track.ids, const)]


def _reduce(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    """Over positions; a reduction over channels reads them all."""
    track = flow.track(node)
    given = attributes(node)
    axes = flow.view.integers(node, 1, "axes")
    if track is None or not axes:
        return None
    gone = sorted({axis % track.rank for axis in axes})
    if track.axis in gone:
        return None
    rank, axis = track.rank, track.axis
    if not given.get("keepdims", 1):
        rank, axis = rank - len(gone), axis - sum(place < axis for place in gone)
    keeps = node.op_type in ("ReduceMean", "ReduceMax", "ReduceMin")
    const = track.const if keeps else _zero_stays(track.const)
    return [Track(rank, axis, track.ids, const)]


def _pad(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    track = flow.track(node)
    given = attributes(node)
    pads = flow.view.integers(node, 1, "pads")
    if track is None or not pads or len(pads) != 2 * track.rank or has(node, 3):
        return None
    if pads[track.axis] or pads[track.axis + track.rank]:
        return None
    const = track.const
    if given.get("mode", b"constant") == b"constant":
        filled = flow.view.constant(node, 2)
        if filled is None and has(node, 2):
            return None
        value = float(filled.ravel()[0]) if filled is not None else given.get("value", 0.0)
        const = np.where(const == value, const, np.nan)
    return [Track(track.rank, track.axis, track.ids, const)]


def _resize(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    """By factors: sizes would name the number of channels."""
    track = flow.track(node)
    given = attributes(node)
    slot = 2 if node.op_type == "Resize" and flow.view.opset >= 11 else 1
    if track is None or has(node, 3) or given.get("axes"):
        return None
    factors = given.get("scales") or flow.view.constant(node, slot)
    if factors is None or len(factors) != track.rank or factors[track.axis] != 1:
        return None
    # Weights of an interpolation add up to one, but a crop may reach beyond the borders.
    if given.get("coordinate_transformation_mode", b"") == b"tf_crop_and_resize":
        return None
    return [track]


RULES: dict[str, Rule] = {
    **dict.fromkeys(("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"), _pool),
    **dict.fromkeys(("ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum", "ReduceL2"), _reduce),
    "Pad": _pad,
    "Resize": _resize,
    "Upsample": _resize,
}
