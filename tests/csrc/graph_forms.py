"""Networks of graph_reference.py as nodes of `_cpu`, and as a file for graphs_check.cpp."""

import struct

import numpy as np

from sparseprune import _cpu

# As in csrc/engine/graph.h.
OPS = [
    *("conv", "linear", "add", "multiply", "activation", "scale", "max_pool", "average_pool"),
    *("global_average_pool", "concat", "resize", "softmax", "flatten"),
]
ACTIVATIONS = ["none", "relu", "relu6", "hard_swish", "sigmoid", "hard_sigmoid", "silu"]
RESIZES = ["nearest", "bilinear", "bilinear_corners"]


def to_engine(node):
    """The node as `_cpu` makes it."""
    options = dict(node)
    op, inputs, output = options.pop("op"), options.pop("inputs"), options.pop("output")
    order = ("weight", "bias", "kernel", "kind", "size", "mode")
    first = [options.pop(name) for name in order if name in options]
    inputs = [inputs] if op == "concat" else inputs
    return getattr(_cpu, op)(f"n{output}", *inputs, output, *first, **options)


def integers(*values):
    return struct.pack(f"<{len(values)}q", *values)


def floats(array):
    """Their number, then the values: float32, or float64 for references."""
    return integers(array.size) + np.ascontiguousarray(array).tobytes()


def node_bytes(node):
    weight = node.get("weight", np.zeros(0, np.float32))
    bias = node.get("bias")
    kernel = weight.shape[2:] if weight.ndim == 4 else node.get("kernel", (1, 1))
    groups = node.get("groups", 1)
    channels = (weight.shape[0], weight.shape[1] * groups) if weight.ndim > 1 else (0, 0)
    activation = ACTIVATIONS.index(node.get("kind", "none"))
    fields = [
        *(OPS.index(node["op"]), len(node["inputs"]), *node["inputs"], node["output"]),
        *kernel,
        *node.get("stride", (1, 1)),
        *node.get("dilation", (1, 1)),
        *node.get("pad_begin", (0, 0)),
        *node.get("pad_end", (0, 0)),
        *(*channels, groups, activation),
        *(node.get("count_padding", False), RESIZES.index(node.get("mode", "nearest"))),
        *node.get("size", (0, 0)),
        node.get("keep_dims", True),
    ]
    none = np.zeros(0, np.float32)
    line = np.float32([node.get("slope", 1 / 6), node.get("offset", 0.5)])
    parameters = [weight, none if bias is None else bias, line]
    return integers(*fields) + b"".join(map(floats, parameters))


def case_bytes(nodes, outputs, runs):
    """`runs`: the input and, for each output, its reference Value."""
    made = [integers(len(nodes))] + [node_bytes(node) for node in nodes]
    made += [integers(len(outputs), *outputs, len(runs))]
    for x, expected in runs:
        made += [integers(x.ndim, *x.shape), floats(x)]
        for value in expected:
            made += [floats(np.where(value.nan, np.nan, value.exact)), floats(value.error)]
    return b"".join(made)
