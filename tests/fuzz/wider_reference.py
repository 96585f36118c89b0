"""The float64 reference of tests/ort, for what stands around the nodes our provider runs."""

import numpy as np
from reference import BODIES, RULES, UNIT, evaluate, evaluate_graph, exact

__all__ = ["evaluate"]


def transpose(a, x):
    return tuple(part.transpose(a["perm"]) for part in x)


def squeeze(a, x, axes=None):
    axes = a["axes"] if axes is None else axes[0].astype(int)
    return tuple(part.squeeze(tuple(axes)) for part in x)


def quantize(a, x, step, zero):
    """Whatever the error of x is, the result may be rounded the other way."""
    limits = (0, 255) if zero[0] >= 0 else (-128, 127)
    value = np.clip(np.rint(x[0] / step[0]) + zero[0], *limits)
    return value, np.ceil(x[1] / step[0]) + 1


def dequantize(a, x, step, zero):
    value = (x[0] - zero[0]) * step[0]
    return value, x[1] * step[0] + UNIT * np.abs(value)


def results(graph, outside):
    values = evaluate_graph(graph, outside)
    return [values[output.name] for output in graph.output]


def branch(a, values, condition):
    return results(a["then_branch" if condition[0] else "else_branch"], values)


def loop(a, values, count, condition, *carried):
    """Whose condition stays true, and that gathers nothing."""
    body = a["body"]
    for i in range(int(count[0])):
        fed = [exact(np.array(i)), exact(np.array(True)), *carried]
        inside = values | {v.name: value for v, value in zip(body.input, fed, strict=True)}
        _, *carried = results(body, inside)
    return carried


BODIES |= {"If": branch, "Loop": loop}
RULES |= {
    "Dropout": lambda a, x, *_: x,
    "Transpose": transpose,
    "Squeeze": squeeze,
    "QuantizeLinear": quantize,
    "DequantizeLinear": dequantize,
}
