"""Rules of the nodes that mix channels."""

import numpy as np
import onnx

from sparseprune.rewrite.slimming.atoms import Track
from sparseprune.rewrite.slimming.editor import Editor
from sparseprune.rewrite.slimming.flow import Flow, Rule
from sparseprune.rewrite.slimming.functions import known
from sparseprune.rewrite.slimming.layer import Layer
from sparseprune.rewrite.slimming.nodes import Array, attributes, has


def _add(flow: Flow, layer: Layer, rank: int, axis: int) -> list[Track]:
    flow.layers.append(layer)
    return [Track(rank, axis, layer.out, layer.const())]


def _conv(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    weight, bias = flow.view.constant(node, 1), flow.view.constant(node, 2)
    if weight is None or weight.ndim < 3 or (bias is None and has(node, 2)):
        return None
    groups = int(attributes(node).get("group", 1))
    if len(weight) % groups:
        return None
    if groups > 1 and weight.shape[1] == 1:
        return _depthwise(flow, node, weight, bias, groups)
    # A grouped layer ties its inputs by groups, so they are followed even where they are given.
    source = flow.adopt(node, 0, 1) if groups > 1 else flow.track(node)
    if source is None and groups > 1:
        return None
    if source is not None and (source.axis != 1 or source.size != weight.shape[1] * groups):
        return None
    layer = Layer(
        node,
        source,
        flow.atoms.fresh(len(weight)),
        weight,
        bias=bias,
        groups=groups,
        uniform=not _pads(node, weight),
    )
    return _add(flow, layer, weight.ndim, 1)


def _depthwise(
    flow: Flow, node: onnx.NodeProto, weight: Array, bias: Array | None, groups: int
) -> list[Track] | None:
    """Every output reads one input: it stays and leaves with it."""
    source = flow.adopt(node, 0, 1)
    if source is None or source.size != groups:
        return None
    ids = np.repeat(source.ids, len(weight) // groups)
    const = np.repeat(source.const, len(weight) // groups)
    flat = weight.astype(np.float64).reshape(len(weight), -1)
    silent = (flat == 0).all(1) | (const == 0)
    added = np.where(silent, 0.0, np.nan if _pads(node, weight) else const * flat.sum(1))
    result = known(added + (0 if bias is None else bias.astype(np.float64)))

    def edit(editor: Editor) -> None:
        for slot in (1, 2):
            editor.take(node, slot, 0, ids)
        editor.set_attribute(node, "group", int(editor.kept(source.ids).sum()))

    flow.edits.append(edit)
    return [Track(weight.ndim, 1, ids, result)]


def _pads(node: onnx.NodeProto, weight: Array) -> bool:
    """Whether zeros around the input may be read."""
    given = attributes(node)
    if given.get("auto_pad", b"NOTSET") in (b"SAME_UPPER", b"SAME_LOWER"):
        return any(size > 1 for size in weight.shape[2:])
    return any(given.get("pads", ()))


def _conv_transpose(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    weight, bias = flow.view.constant(node, 1), flow.view.constant(node, 2)
    if weight is None or weight.ndim < 3 or (bias is None and has(node, 2)):
        return None
    source = flow.track(node)
    if attributes(node).get("group", 1) != 1:
        return None
    if source is not None and (source.axis != 1 or source.size != len(weight)):
        return None
    # How many taps meet at a position differs along the borders, and with the stride.
    layer = Layer(
        node,
        source,
        flow.atoms.fresh(weight.shape[1]),
        weight.swapaxes(0, 1),
        swapped=True,
        bias=bias,
        uniform=False,
    )
    return _add(flow, layer, weight.ndim, 1)


def _gemm(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    given = attributes(node)
    stored, bias = flow.view.constant(node, 1), flow.view.constant(node, 2)
    if stored is None or given.get("transA", 0) or (bias is None and has(node, 2)):
        return None
    swapped = not given.get("transB", 0)
    weight = stored.T if swapped else stored
    outputs = len(weight)
    if bias is not None:
        if bias.size not in (1, outputs) or bias.shape[-1:] not in ((), (1,), (outputs,)):
            return None
        bias = np.broadcast_to(bias.ravel(), outputs) * bias.dtype.type(given.get("beta", 1.0))
    source = flow.track(node)
    if source is not None and (source.axis != 1 or source.size != weight.shape[1]):
        return None
    layer = Layer(
        node,
        source,
        flow.atoms.fresh(outputs),
        weight,
        swapped=swapped,
        bias=bias,
        scale=given.get("alpha", 1.0),
    )
    return _add(flow, layer, 2, 1)


def _matmul(flow: Flow, node: onnx.NodeProto) -> list[Track] | None:
    stored = flow.view.constant(node, 1)
    shape = flow.view.shape(node.input[0])
    if stored is None or stored.ndim != 2 or shape is None or len(shape) < 2:
        return None
    source, rank = flow.track(node), len(shape)
    if source is not None and (source.axis != rank - 1 or source.size != len(stored)):
        return None
    ids = flow.atoms.fresh(stored.shape[1])
    layer = Layer(node, source, ids, stored.T, swapped=True, bias_slot=None)
    return _add(flow, layer, rank, rank - 1)


RULES: dict[str, Rule] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
}
