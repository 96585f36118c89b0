"""Rules of the nodes that read the same elements, in the same order, under another shape."""

import math
from dataclasses import replace

import numpy as np
import onnx

from sparseprune.rewrite.shapes import Shape
from sparseprune.rewrite.slimming.atoms import Track
from sparseprune.rewrite.slimming.editor import Editor
from sparseprune.rewrite.slimming.flow import Flow, Rule
from sparseprune.rewrite.slimming.nodes import STANDARD, attributes


def carry(track: Track, before: Shape, after: Shape) -> Track | None:
    """Where the channels of ``track`` lie once the shape ``before`` has become ``after``.

    The axis of a channel and its neighbours may become one: with the positions after it (what
    Flatten does) a channel becomes several in a row; with those before it the channels come anew
    for every position. Sizes that are open may only stand before the channels.
    """
    behind = before[track.axis + 1 :]
    if any(size is None for size in behind):
        return None
    inner = math.prod(size for size in behind if size is not None)
    outer = 1  # elements behind the axis looked at, from the last axis on
    for axis in reversed(range(len(after))):
        size = after[axis]
        if size is None:
            return None
        if size > 1 and size * outer == track.size * inner and inner % outer == 0:
            times = inner // outer
            return Track(
                len(after), axis, np.repeat(track.ids, times), np.repeat(track.const, times)
            )
        if size > 1 and outer == inner and size % track.size == 0:
            times = size // track.size
            return Track(len(after), axis, np.tile(track.ids, times), np.tile(track.const, times))
        outer *= size
    return None


def _wish(flow: Flow, node: onnx.NodeProto) -> list[int | None] | None:
    """The sizes a Reshape asks for; None for one that is known only when the network runs."""
    found = flow.view.integers(node, 1, "shape")
    if found is not None:
        return [*found]
    # What tracers write for x.view(x.size(0), -1): single sizes, put together.
    joined = flow.view.makers.get(node.input[1])
    if joined is None or joined.op_type != "Concat" or joined.domain not in STANDARD:
        return None
    wish: list[int | None] = []
    for slot, name in enumerate(joined.input):
        part = flow.view.constant(joined, slot)
        if part is not None:
            wish.extend(int(size) for size in part.ravel())
        elif flow.view.shape(name) == (1,):
            wish.append(None)
        else:
            return None
    return wish


def _length_read(flow: Flow, node: onnx.NodeProto) -> int | None:
    """The last size of what ``node`` makes, if matrix products tell it by their weights."""
    lengths = set()
    for reader in flow.view.readers[node.output[0]]:
        weight = flow.view.constant(reader, 1)
        if reader.op_type not in ("Gemm", "MatMul") or weight is None or weight.ndim != 2:
            return None
        lengths.add(weight.shape[int(attributes(reader).get("transB", 0))])
    return lengths.pop() if len(lengths) == 1 else None


def resolve(wish: list[int | None], before: Shape, *, zero_copies: bool) -> Shape | None:
    """The shape Reshape makes of ``before`` if asked for ``wish``; None for what stays open."""
    copied = [zero_copies and size == 0 for size in wish]
    if any(copy and axis >= len(before) for axis, copy in enumerate(copied)):
        return None
    after = [before[k] if copied[k] else size for k, size in enumerate(wish)]
    rest = [size for k, size in enumerate(before) if not (k < len(wish) and copied[k])]
    named = math.prod(
        size
        for size, copy in zip(after, copied, strict=True)
        if not copy and size is not None and size >= 0
    )
    if -1 in wish:
        place = wish.index(-1)
        if None in wish or None in rest or named == 0:
            after[place] = None
        else:
            after[place] = math.prod(size for size in rest if size is not None) // named
    return tuple(after)


def _reshape(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    track, before = flow.track(node), flow.view.shape(node.input[0])
    wish = _wish(flow, node)
    if track is None or wish is None or before is None or len(before) != track.rank:
        return None
    copies = not attributes(node).get("allowzero", 0)
    after = resolve(wish, before, zero_copies=copies)
    if after and after[-1] is None and wish[-1] == -1 and (length := _length_read(flow, node)):
        after = (*after[:-1], length)
    made = carry(track, before, after) if after is not None else None
    if made is None:
        return None
    # A zero copies a size by its place: it names the channels before, and must do so after.
    zeros = {axis for axis, size in enumerate(wish) if size == 0} if copies else set()
    if made.axis != track.axis and zeros & {made.axis, track.axis}:
        return None

    asked = wish[made.axis]
    if asked != -1 and None in wish:
        return None  # the size would have to be changed where the shape is put together

    def edit(editor: Editor) -> None:
        kept = editor.kept(made.ids)
        if asked not in (-1, 0) and not kept.all():
            sizes = [size for size in wish if size is not None]
            sizes[made.axis] = int(kept.sum())
            editor.store(node, 1, np.array(sizes, dtype=np.int64))

    flow.edits.append(edit)
    return [made]


def _flatten(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    track, before = flow.track(node), flow.view.shape(node.input[0])
    if track is None or before is None or len(before) != track.rank:
        return None
    axis = attributes(node).get("axis", 1) % (track.rank + 1)
    made = carry(track, before, (_product(before[:axis]), _product(before[axis:])))
    return None if made is None else [made]


def _product(sizes: Shape) -> int | None:
    if any(size is None for size in sizes):
        return None
    return math.prod(size for size in sizes if size is not None)


def _axes(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    """Squeeze and Unsqueeze: axes of size one go or come."""
    track = flow.track(node)
    axes = flow.view.integers(node, 1, "axes")
    if track is None or not axes:
        return None
    if node.op_type == "Squeeze":
        gone = {axis % track.rank for axis in axes}
        if track.axis in gone:
            return None
        place = track.axis - sum(axis < track.axis for axis in gone)
        return [replace(track, rank=track.rank - len(gone), axis=place)]
    rank = track.rank + len(axes)
    come = {axis % rank for axis in axes}
    place = [axis for axis in range(rank) if axis not in come][track.axis]
    return [replace(track, rank=rank, axis=place)]


def _shape(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    """Sizes may be asked for, but not how many channels there are."""
    track = flow.track(node)
    if track is None:
        return None
    given = attributes(node)
    asked = range(track.rank)[given.get("start", 0) : given.get("end", track.rank)]
    if track.axis not in asked:
        return []
    readers = flow.view.readers[node.output[0]]
    if node.output[0] in flow.view.fixed:
        return None
    place = track.axis - asked[0]
    return [] if all(_avoids(flow, reader, place, len(asked)) for reader in readers) else None


def _avoids(flow: Flow, reader: onnx.NodeProto, place: int, rank: int) -> bool:
    """Whether ``reader`` takes sizes out of a shape of ``rank``, but not the one at ``place``."""
    numbers = flow.view.constant(reader, 1)
    if reader.op_type != "Gather" or numbers is None:
        return False
    return place not in (numbers.ravel() % rank).tolist()


RULES: dict[str, Rule] = {
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Shape": _shape,
    "Squeeze": _axes,
    "Unsqueeze": _axes,
}
