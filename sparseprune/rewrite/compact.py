"""Pruned layers -> operators that hold their weights small, with functions as a fallback."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from sparseprune.errors import InputError
from sparseprune.rewrite import constants, versions
from sparseprune.rewrite.constants import Constants, Float32
from sparseprune.rewrite.encoding import Kept, encode
from sparseprune.rewrite.functions import DOMAIN, OLDEST_OPSET, VERSION, functions
from sparseprune.rewrite.layers import Layer, layer
from sparseprune.rewrite.shapes import shapes

# The first IR version with functions.
_IR_OF_FUNCTIONS = 8
VALUES = ("float32", "float16")


def compact(proto: onnx.ModelProto, *, values: str = "float32") -> onnx.ModelProto:
    """A model whose pruned convolutions and linear layers hold their weights small.

    Each such layer becomes SparseConv, BitmaskConv, SparseLinear or BitmaskLinear of the domain
    ``sparseprune``, with the smallest encoding; layers that would not shrink stay as they are, and
    so do weights that anything else reads, and nodes inside subgraphs. The model carries each
    operator it uses as a function of the same name, so it also runs, dense, without our library.

    Args:
        proto: any valid model, its weights inside; left as it was.
        values: "float32", or "float16" for half the bytes: kept weights are then rounded.

    Raises:
        InputError: another type of values, weights too large for float16, or a model of an old
            operator set that ONNX cannot convert.
    """
    if values not in VALUES:
        raise InputError(f"expected values 'float32' or 'float16', got {values!r}; choose one")
    result = versions.at_least(proto, OLDEST_OPSET)
    graph = result.graph
    replaced = _replacements(result, np.dtype(values))
    for replacement in replaced:
        for old, new in zip(replacement.group.layers, replacement.nodes, strict=True):
            old.node.CopyFrom(new)
        graph.initializer.extend(replacement.tensors)
    if replaced:
        constants.drop(graph, _unread(graph, replaced))
        declare(result)
    return result


def rounded(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model with exactly those weights rounded that ``compact`` would store in float16.

    Raises:
        InputError: as ``compact``.
    """
    result = versions.at_least(proto, OLDEST_OPSET)
    for replacement in _replacements(result, np.dtype(np.float16)):
        group = replacement.group
        halves = _values(group, np.dtype(np.float16)).astype(np.float32)
        weight = group.weight.mapped(halves / np.float32(group.layers[0].factor))
        constants.drop(result.graph, [group.name])
        result.graph.initializer.append(numpy_helper.from_array(weight.dense(), group.name))
    return result


def declare(proto: onnx.ModelProto) -> None:
    """Let a model say, in place, which of our operators it uses and what they mean."""
    used = {node.op_type for node in proto.graph.node if node.domain == DOMAIN}
    opset = versions.opset(proto)
    foreign = [function for function in proto.functions if function.domain != DOMAIN]
    del proto.functions[:]
    proto.functions.extend([*foreign, *functions(sorted(used), opset)])
    others = [entry for entry in proto.opset_import if entry.domain != DOMAIN]
    del proto.opset_import[:]
    proto.opset_import.extend(others)
    if used:
        proto.opset_import.append(helper.make_opsetid(DOMAIN, VERSION))
        versions.raise_ir(proto, _IR_OF_FUNCTIONS)


@dataclass(frozen=True)
class _Group:
    """All readers of one constant: layers that use it in the same way."""

    name: str
    layers: tuple[Layer, ...]
    weight: Kept


@dataclass(frozen=True)
class _Replacement:
    """What takes the place of a group: a node for each layer, and their new tensors."""

    group: _Group
    nodes: list[onnx.NodeProto]
    tensors: list[onnx.TensorProto]


def _replacements(proto: onnx.ModelProto, dtype: np.dtype[Any]) -> list[_Replacement]:
    """Those that make the file smaller with float32 values: what float16 gains alone is no zero."""
    known = Constants(proto)
    taken = constants.names(proto.graph)
    found = []
    for group in _groups(proto, known):
        new = _replacement(group, known, np.dtype(np.float32), set(taken))
        old = known.nbytes(group.name) + sum(each.node.ByteSize() for each in group.layers)
        parts: list[Any] = [*new.nodes, *new.tensors]
        if sum(part.ByteSize() for part in parts) < old:
            found.append(_replacement(group, known, dtype, taken))
    return found


def _groups(proto: onnx.ModelProto, known: Constants) -> Iterator[_Group]:
    graph, extents = proto.graph, shapes(proto)
    reads = constants.readers(graph)
    readers = defaultdict(list)
    for node in graph.node:
        found = layer(node, known, extents)
        if found is not None:
            readers[found.weight].append(found)
    for name, layers in readers.items():
        alike = len({(each.transposed, each.factor) for each in layers}) == 1
        weight = known.weight(name) if alike and reads[name] == len(layers) else None
        if weight is not None:
            yield _Group(name, tuple(layers), weight)


def _replacement(
    group: _Group, known: Constants, dtype: np.dtype[Any], taken: set[str]
) -> _Replacement:
    weight = group.weight.mapped(_values(group, dtype).astype(np.float32))
    if group.layers[0].transposed:
        weight = weight.transposed()
    encoded = encode(weight, dtype)
    index = "bitmask" if encoded.bitmask else "steps"
    tensors = [
        _tensor(encoded.values, f"{group.name}.values", taken),
        _tensor(encoded.index, f"{group.name}.{index}", taken),
    ]
    stored = [tensor.name for tensor in tensors]
    nodes = []
    for each in group.layers:
        bias = each.bias if _reusable(each, known) else ""
        if not bias:
            tensors.append(_tensor(_bias(each, known), f"{each.node.output[0]}.bias", taken))
            bias = tensors[-1].name
        name = ("Bitmask" if encoded.bitmask else "Sparse") + ("Conv" if each.window else "Linear")
        node = helper.make_node(
            name,
            [each.node.input[0], *stored, bias],
            each.node.output,
            name=each.node.name,
            domain=DOMAIN,
            weight_shape=weight.shape,
            **each.window,
        )
        nodes.append(node)
    return _Replacement(group, nodes, tensors)


def _reusable(each: Layer, known: Constants) -> bool:
    """Whether the layer's bias is what the compact operators take, as it is."""
    as_it_is = each.bias in known.stored and each.bias_factor == 1
    return as_it_is and known.shape(each.bias) == (each.outputs,)


def _values(group: _Group, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """The kept values with the layer's factor in them, as they will be stored.

    Raises:
        InputError: a finite one is beyond the type's largest.
    """
    values = group.weight.values * np.float32(group.layers[0].factor)
    with np.errstate(over="ignore"):
        stored = values.astype(dtype)
    if np.isinf(stored).sum() > np.isinf(values).sum():
        raise InputError(
            f"weight {group.name!r}: expected values float16 can hold, up to 65504, got "
            f"{np.abs(values).max():.3g}; store float32 values"
        )
    return stored


def _bias(each: Layer, known: Constants) -> Float32:
    """[outputs]; the compact operators always have one."""
    given = known.dense(each.bias) if each.bias else None
    if given is None:
        return np.zeros(each.outputs, np.float32)
    scaled = given.reshape(-1) * np.float32(each.bias_factor)
    return np.broadcast_to(scaled, (each.outputs,)).copy()


def _tensor(array: npt.NDArray[Any], name: str, taken: set[str]) -> onnx.TensorProto:
    return numpy_helper.from_array(array, constants.unused(name, taken))


def _unread(graph: onnx.GraphProto, replaced: list[_Replacement]) -> set[str]:
    """Weights and biases that nothing needs any more."""
    reads = constants.readers(graph)
    candidates = {r.group.name for r in replaced}
    candidates.update(each.bias for r in replaced for each in r.group.layers)
    return {name for name in candidates if name and not reads[name]}
