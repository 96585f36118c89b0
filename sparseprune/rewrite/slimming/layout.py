"""Rules of the nodes that only move channels: their order, their axis, what lies beside them."""

from dataclasses import replace

import numpy as np
import onnx

from sparseprune.rewrite.slimming.atoms import Track
from sparseprune.rewrite.slimming.editor import Editor
from sparseprune.rewrite.slimming.flow import Flow, Rule
from sparseprune.rewrite.slimming.nodes import attributes


def _transpose(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    track = flow.track(node)
    if track is None:
        return None
    order = list(attributes(node).get("perm", range(track.rank)[::-1]))
    return [replace(track, axis=order.index(track.axis))]


def _concat(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    found = [track for slot in range(len(node.input)) if (track := flow.track(node, slot))]
    if not found:
        return None
    rank, axis = found[0].rank, found[0].axis
    along = attributes(node)["axis"] % rank
    parts = [flow.adopt(node, slot, axis) for slot in range(len(node.input))]
    tracks = [part for part in parts if part is not None and part.rank == rank]
    if len(tracks) < len(parts):
        return None
    if along == axis:
        ids = np.concatenate([track.ids for track in tracks])
        return [Track(rank, axis, ids, np.concatenate([track.const for track in tracks]))]
    first, *others = tracks
    if any(track.size != first.size for track in others):
        return None
    const = first.const
    for track in others:
        flow.atoms.tie(first.ids, track.ids)
        const = np.where(const == track.const, const, np.nan)
    return [replace(first, const=const)]


def _split(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    track = flow.track(node)
    if track is None:
        return None
    given = attributes(node)
    if given.get("axis", 0) % track.rank != track.axis:
        return [track] * len(node.output)
    sizes = flow.view.integers(node, 1, "split")
    if sizes is None:
        # Equal parts, the last one smaller.
        part = -(-track.size // len(node.output))
        sizes = [min(part, track.size - part * k) for k in range(len(node.output))]
    if len(node.input) > 1 and flow.view.constant(node, 1) is None:
        return None
    if sum(sizes) != track.size or len(sizes) != len(node.output) or min(sizes) < 1:
        return None
    ends = np.cumsum(sizes)
    pieces = [slice(int(end) - size, int(end)) for end, size in zip(ends, sizes, strict=True)]

    def edit(editor: Editor) -> None:
        kept = editor.kept(track.ids)
        left = np.array([kept[piece].sum() for piece in pieces], dtype=np.int64)
        if kept.all():
            return
        if flow.view.opset < 13:
            editor.set_attribute(node, "split", left.tolist())
        else:
            editor.set_attribute(node, "num_outputs", None)
            editor.store(node, 1, left)

    flow.edits.append(edit)
    return [replace(track, ids=track.ids[piece], const=track.const[piece]) for piece in pieces]


def _slice(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    """Along other axes; a part of the channels is not followed."""
    track, axes = flow.track(node), flow.view.integers(node, 3, "axes")
    if track is None or axes is None or track.axis in [axis % track.rank for axis in axes]:
        return None
    return [track]


def _gather(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    """Channels by constant numbers: a new order, or some of them."""
    track, numbers = flow.track(node), flow.view.constant(node, 1)
    if track is None or numbers is None or numbers.ndim != 1:
        return None
    if attributes(node).get("axis", 0) % track.rank != track.axis or not numbers.size:
        return None
    chosen = numbers.astype(np.int64) % track.size

    def edit(editor: Editor) -> None:
        kept = editor.kept(track.ids)
        if not kept.all():
            places = np.cumsum(kept) - 1
            editor.store(node, 1, places[chosen[kept[chosen]]].astype(numbers.dtype))

    flow.edits.append(edit)
    return [replace(track, ids=track.ids[chosen], const=track.const[chosen])]


RULES: dict[str, Rule] = {
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
    "Split": _split,
    "Transpose": _transpose,
}
