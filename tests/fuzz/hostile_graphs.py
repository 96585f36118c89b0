"""Valid networks spoiled: attributes, constants, shapes, edges and types that nobody expects."""

import contextlib

import numpy as np
import onnx
from case import Case
from onnx import TensorProto, helper, numpy_helper

INTS = [0, 1, 2, 3, 4, 7, -1, -2, -3, 63, 2**20, 2**30, 2**31 - 1, 2**31, -(2**31), 2**40]
INTS += [2**62, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, 3.0, 1e-45, 1e38, float("inf"), -float("inf"), float("nan")]
STRINGS = [b"", b"NOTSET", b"VALID", b"SAME_UPPER", b"SAME_LOWER", b"nearest", b"linear", b"cubic"]
STRINGS += [b"floor", b"asymmetric", b"half_pixel", b"align_corners", b"\xff\xfe", b"x" * 300]
OPS = ["Relu", "Add", "Conv", "MaxPool", "Gemm", "MatMul", "Concat", "Resize", "Flatten"]
OPS += ["Softmax", "Squeeze", "Reshape", "Transpose", "Clip", "BatchNormalization", "Upsample"]
EXTENTS = [0, 1, 2, 3, 5, 8, 9, 17, 2**20, 2**31, 2**62, -1, -7]
TYPES = [TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.FLOAT16]
TYPES += [TensorProto.INT8, TensorProto.BOOL, TensorProto.STRING, 0, 99]


def spoil(case: Case, rng: np.random.Generator) -> Case:
    """One to three changes to the graph, and now and then to what it is fed."""
    model = onnx.load_from_string(case.model)
    feeds = dict(case.feeds)
    graph = [attribute, attribute, attribute, constant, constant, edge, declared, declared, view]
    for _ in range(pick(rng, [1, 1, 1, 2, 3])):
        change = pick(rng, [*graph, operation, version])
        with contextlib.suppress(ValueError, TypeError):  # of what is spoiled already
            change(rng, model)
    if rng.random() < 0.3:
        feed(rng, feeds)
    return Case(model.SerializeToString(), feeds, case.settings)


def pick(rng, choices):
    return choices[int(rng.integers(len(choices)))]


def some(rng, choices, most=6):
    return [pick(rng, choices) for _ in range(int(rng.integers(most)))]


def attribute(rng, model):
    """One that the operation has, set to anything; mostly of the right type."""
    node = pick(rng, model.graph.node)
    known = kinds_of_attributes(node, model.opset_import[0].version)
    if not known:
        return
    name = pick(rng, sorted(known))
    kind = onnx.defs.OpSchema.AttrType
    values = {
        kind.INT: lambda: pick(rng, INTS),
        kind.INTS: lambda: small(rng) if rng.random() < 0.6 else some(rng, INTS),
        kind.FLOAT: lambda: pick(rng, FLOATS),
        kind.FLOATS: lambda: some(rng, FLOATS),
        kind.STRING: lambda: pick(rng, STRINGS),
    }
    make = values.get(known[name] if rng.random() < 0.9 else pick(rng, list(values)))
    if make is None:
        return
    kept = [a for a in node.attribute if a.name != name]
    del node.attribute[:]
    node.attribute.extend(kept)
    made = make()
    if made != [] or rng.random() < 0.3:
        kinds = {kind.INTS: onnx.AttributeProto.INTS, kind.FLOATS: onnx.AttributeProto.FLOATS}
        empty = kinds.get(known[name], onnx.AttributeProto.INTS) if made == [] else None
        node.attribute.append(helper.make_attribute(name, made, attr_type=empty))


def kinds_of_attributes(node, opset):
    """By name: what the schema says, or, of an operation of ours, what the node has."""
    if node.domain:
        return {a.name: onnx.defs.OpSchema.AttrType(a.type) for a in node.attribute}
    try:
        known = onnx.defs.get_schema(node.op_type, opset).attributes
    except onnx.defs.SchemaError:
        return {}
    return {name: attribute.type for name, attribute in known.items()}


def small(rng):
    """Two or four numbers that are nearly right."""
    return [int(n) for n in rng.integers(-1, 5, pick(rng, [2, 2, 4, 4, 1, 3]))]


def constant(rng, model):
    """Another shape, other values, another type, fewer bytes, or none."""
    if not model.graph.initializer:
        return
    tensor = pick(rng, model.graph.initializer)
    change = int(rng.integers(7))
    if change == 0:
        del tensor.dims[:]
        tensor.dims.extend(some(rng, EXTENTS, 5))
    elif change == 1:
        tensor.data_type = pick(rng, TYPES)
    elif change == 2:
        tensor.raw_data = tensor.raw_data[: int(rng.integers(len(tensor.raw_data) + 1))]
    elif change == 3:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, 1, list(tensor.dims)))
    elif tensor.data_type in helper.get_all_tensor_dtypes():  # it may be spoilt already
        array = numpy_helper.to_array(tensor) if change == 4 else reshaped(rng, tensor)
        tensor.CopyFrom(numpy_helper.from_array(sprinkled(rng, array), tensor.name))


def reshaped(rng, tensor):
    """The same values seen otherwise, or fewer of them."""
    array = numpy_helper.to_array(tensor)
    flat = array.reshape(-1)
    ways = [flat, array.T, array[None], array[..., None], flat[:0], flat[:1]]
    ways += [array[..., :1], array[:1]] if array.ndim else []
    ways += [flat[0].reshape(())] if array.size else []
    return np.ascontiguousarray(pick(rng, [w for w in ways if w.ndim <= 8]))


def sprinkled(rng, array):
    array = array.copy()
    pool = FLOATS if array.dtype.kind == "f" else INTS[:14]
    if array.size and array.dtype.kind in "fi" and rng.random() < 0.7:
        at = rng.integers(array.size, size=int(rng.integers(1, 4)))
        with np.errstate(all="ignore"):
            array.reshape(-1)[at] = np.array(some(rng, pool, 2) or [0], array.dtype)[0]
    return array


def edge(rng, model):
    """An input or an output that is dropped, left out, repeated, of another node, or extra."""
    node = pick(rng, model.graph.node)
    names = [i.name for i in model.graph.input] + [o for n in model.graph.node for o in n.output]
    names += [t.name for t in model.graph.initializer] + ["", "nowhere"]
    edges = node.input if rng.random() < 0.8 else node.output
    change = int(rng.integers(3))
    if change == 0 and edges:
        del edges[int(rng.integers(len(edges)))]
    elif change == 1 and edges:
        edges[int(rng.integers(len(edges)))] = pick(rng, names)
    else:
        edges.append(pick(rng, names))


def declared(rng, model):
    """What is said of the shape or the type of an input, or of a value inside."""
    graph = model.graph
    inside = [n.output[0] for n in graph.node if n.output]
    if rng.random() < 0.5 and inside:
        rank = pick(rng, [0, 1, 2, 3, 4, 4, 4, 5])
        axes = [pick(rng, [*EXTENTS[1:8], "N", "H", None]) for _ in range(rank)]
        graph.value_info.append(helper.make_tensor_value_info(pick(rng, inside), 1, axes))
        return
    info = pick(rng, graph.input if rng.random() < 0.8 else graph.output).type.tensor_type
    if rng.random() < 0.2 or not info.shape.dim:
        info.elem_type = pick(rng, TYPES)
        return
    axis = pick(rng, info.shape.dim)
    change = int(rng.integers(3))
    if change == 0:
        axis.dim_value = pick(rng, EXTENTS)
    elif change == 1:
        axis.dim_param = pick(rng, ["N", "H", "W", "", "\n\"\\'"])
    else:
        info.shape.dim.pop()


def view(rng, model):
    """A value hidden from shape inference, then declared: rightly or not."""
    graph = model.graph
    position = int(rng.integers(len(graph.node)))
    node = graph.node[position]
    if not node.output or not node.output[0]:
        return
    hidden, name = f"{node.output[0]}_hidden", node.output[0]
    node.output[0] = hidden
    shape = f"{hidden}_shape"
    made = [
        helper.make_node("Shape", [hidden], [shape]),
        helper.make_node("Abs", [shape], [f"{shape}_again"]),
        helper.make_node("Reshape", [hidden, f"{shape}_again"], [name]),
    ]
    rest = [onnx.NodeProto.FromString(n.SerializeToString()) for n in graph.node]
    del graph.node[:]
    graph.node.extend([*rest[: position + 1], *made, *rest[position + 1 :]])
    rank = pick(rng, [2, 3, 4, 4, 4, 4])
    axes = [pick(rng, [1, 2, 3, 4, 8, 9, 16, "N", None, None]) for _ in range(rank)]
    graph.value_info.append(helper.make_tensor_value_info(name, 1, axes))


def operation(rng, model):
    pick(rng, model.graph.node).op_type = pick(rng, OPS)


def version(rng, model):
    model.opset_import[0].version = int(rng.integers(6, 24))


def feed(rng, feeds):
    """Another extent, rank or type, numbers that are not finite, or nothing at all."""
    name = pick(rng, sorted(feeds))
    array = feeds[name]
    change = int(rng.integers(5))
    if change == 0 and array.ndim:
        shape = list(array.shape)
        shape[int(rng.integers(array.ndim))] = int(rng.choice([0, 1, 2, 7, 33]))
        feeds[name] = np.ones(shape, array.dtype)
    elif change == 1:
        feeds[name] = array[None] if rng.random() < 0.5 else array.reshape(-1)
    elif change == 2:
        feeds[name] = array.astype(pick(rng, [np.float64, np.int64, np.float16]))
    elif change == 3:
        feeds[name] = sprinkled(rng, array)
    else:
        del feeds[name]
