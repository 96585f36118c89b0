"""Rules of the nodes that treat every element, or every position, alike."""

import numpy as np
import numpy.typing as npt
import onnx

from sparseprune.rewrite.slimming.atoms import Numbers, Track
from sparseprune.rewrite.slimming.editor import Editor
from sparseprune.rewrite.slimming.flow import Flow, Rule
from sparseprune.rewrite.slimming.functions import BINARY, UNARY, known
from sparseprune.rewrite.slimming.nodes import Array, attributes, has


def _unary(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    track = flow.track(node)
    if track is None:
        return None
    with np.errstate(all="ignore"):
        const = known(UNARY[node.op_type](track.const, attributes(node)))
    return [Track(track.rank, track.axis, track.ids, const)]


def _same(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    """A type conversion or an idle dropout: the numbers stay what they are."""
    track = flow.track(node)
    asks_for_mask = len(node.output) > 1 and node.output[1] != ""
    trains = node.op_type == "Dropout" and has(node, 2)
    if track is None or asks_for_mask or trains:
        return None
    return [track]


def _cast(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)
    track = flow.track(node)
    if track is None:
        return None
    # Other types round, so what a number becomes is left open; zero is zero in all of them.
    exact = attributes(node)["to"] in floats
    const = track.const if exact else np.where(track.const == 0, 0.0, np.nan)
    return [Track(track.rank, track.axis, track.ids, const)]


def _clip(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    track = flow.track(node)
    bounds = [flow.view.constant(node, slot) for slot in (1, 2)]
    if track is None:
        return None
    if any(bound is None and has(node, slot) for slot, bound in enumerate(bounds, 1)):
        return None
    low, high = bounds
    const = track.const
    if low is not None:
        const = np.maximum(const, float(low.ravel()[0]))
    if high is not None:
        const = np.minimum(const, float(high.ravel()[0]))
    if flow.view.opset < 11:
        return _unary(flow, node)
    return [Track(track.rank, track.axis, track.ids, known(const))]


def _binary(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    if len(node.input) != 2:
        return None
    left, right = flow.track(node, 0), flow.track(node, 1)
    for slot, track in ((0, right), (1, left)):
        constant = flow.view.constant(node, slot)
        if constant is not None and track is not None:
            return _with_constant(flow, node, track, constant, slot)
    if left is None and right is None:
        return None
    return _two(flow, node, left, right)


def _with_constant(
    flow: Flow, node: onnx.NodeProto, track: Track, constant: Array, slot: int
) -> list[Track] | None:
    """One operand is a constant that may have a number for every channel."""
    if constant.ndim > track.rank or constant.dtype.kind != "f":
        return None
    missing = track.rank - constant.ndim
    whole = constant.reshape((1,) * missing + constant.shape)
    if whole.shape[track.axis] not in (1, track.size):
        return None
    if whole.shape[track.axis] == track.size > 1:
        place = track.axis - missing
        flow.edits.append(lambda editor: editor.take(node, slot, place, track.ids))
    numbers = _per_channel(whole, track.axis, track.size)
    pair = (numbers, track.const) if slot == 0 else (track.const, numbers)
    with np.errstate(all="ignore"):
        const = known(BINARY[node.op_type](*pair))
    return [Track(track.rank, track.axis, track.ids, const)]


def _per_channel(whole: Array, axis: int, size: int) -> Numbers:
    """The number a constant has at each channel; NaN where it has several."""
    rows = np.moveaxis(whole, axis, 0).reshape(whole.shape[axis], -1).astype(np.float64)
    same = (rows == rows[:, :1]).all(1)
    return np.broadcast_to(np.where(same, rows[:, 0], np.nan), size)


def _two(
    flow: Flow, node: onnx.NodeProto, left: Track | None, right: Track | None
) -> list[Track] | None:
    """Two operands that both depend on the input: their channels are tied."""
    one = left or right
    assert one is not None
    shapes = [flow.view.shape(name) for name in node.input]
    ranks = [
        track.rank if track else len(shape) if shape is not None else 0
        for track, shape in zip((left, right), shapes, strict=True)
    ]
    if ranks[0] != ranks[1] or node.op_type == "PRelu":
        return None
    left, right = (flow.adopt(node, slot, one.axis) for slot in (0, 1))
    if left is None or right is None or left.axis != right.axis:
        return None
    single, many = (left, right) if left.size == 1 else (right, left)
    if single.size not in (1, many.size):
        return None
    if single.size == many.size:
        flow.atoms.tie(left.ids, right.ids)
    else:  # a map of one channel meets all channels of the other
        flow.atoms.pin(single.ids)
    with np.errstate(all="ignore"):
        const = known(BINARY[node.op_type](*np.broadcast_arrays(left.const, right.const)))
    return [Track(many.rank, many.axis, many.ids, const)]


def _norm(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    """BatchNormalization: a factor and a summand for every channel."""
    track = flow.track(node)
    given = attributes(node)
    numbers = [flow.view.constant(node, slot) for slot in (1, 2, 3, 4)]
    if track is None or track.axis != 1 or given.get("training_mode", 0):
        return None
    if any(array is None or array.shape != (track.size,) for array in numbers):
        return None
    scale, shift, mean, variance = (_double(array) for array in numbers)
    root = np.sqrt(variance + given.get("epsilon", 1e-5))
    moved = np.where(scale == 0, 0.0, (track.const - mean) / root * scale)

    def edit(editor: Editor) -> None:
        for slot in (1, 2, 3, 4):
            editor.take(node, slot, 0, track.ids)

    flow.edits.append(edit)
    return [Track(track.rank, track.axis, track.ids, known(moved + shift))]


def _double(array: npt.NDArray[np.generic] | None) -> Numbers:
    assert array is not None
    return array.astype(np.float64)


RULES: dict[str, Rule] = {
    **dict.fromkeys(UNARY, _unary),
    **dict.fromkeys(BINARY, _binary),
    "BatchNormalization": _norm,
    "Cast": _cast,
    "Clip": _clip,
    "Dropout": _same,
}
