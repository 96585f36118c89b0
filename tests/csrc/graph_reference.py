"""Networks of the engine in float64, each value with a bound on how far float32 may land from it.

A node is a dict: `op` (a name of `RULES`), `inputs`, `output` and its attributes. Bounds follow
rounding errors through the network: a sum of k products, in any order, is within gamma(k) of its
exact value times the sum of the products' magnitudes, besides what the errors of its inputs carry
on. NaN is followed apart: which elements it must reach, through kept weights only.
"""

from dataclasses import dataclass

import numpy as np

UNIT = 2.0**-24  # float32 rounds to nearest within this, relatively
TINY = 2.0**-149  # and near zero within this, absolutely


def gamma(steps):
    """Relative error of `steps` float32 roundings in a row (Higham 2002, lemma 3.1)."""
    return steps * UNIT / (1 - steps * UNIT)


@dataclass
class Value:
    exact: np.ndarray
    error: np.ndarray
    nan: np.ndarray

    @property
    def most(self):
        """Bound on the magnitude of what float32 holds."""
        return np.abs(self.exact) + self.error

    def map(self, rearrange):
        """For what only moves values."""
        return Value(rearrange(self.exact), rearrange(self.error), rearrange(self.nan))

    def rounded(self, steps, magnitude):
        """After `steps` more roundings of numbers up to `magnitude`."""
        return Value(self.exact, self.error + gamma(steps) * magnitude + steps * TINY, self.nan)


def evaluate(nodes, arrays):
    """Value of every id; `arrays` are the float32 inputs, ids 0, 1 and so on."""
    values = {}
    for i, array in enumerate(arrays):
        nan = np.isnan(array)
        exact = np.where(nan, 0, array).astype(np.float64)
        values[i] = Value(exact, np.zeros_like(exact), nan)
    for node in nodes:
        values[node["output"]] = RULES[node["op"]](node, *(values[i] for i in node["inputs"]))
    return values


def pair(node, name, default):
    return node.get(name, (default, default))


def extents(shape, node, kernel):
    """Padded extents and how many windows fit."""
    begin, end = pair(node, "pad_begin", 0), pair(node, "pad_end", 0)
    stride, dilation = pair(node, "stride", 1), pair(node, "dilation", 1)
    padded = [shape[2 + a] + begin[a] + end[a] for a in (0, 1)]
    return [(padded[a] - (kernel[a] - 1) * dilation[a] - 1) // stride[a] + 1 for a in (0, 1)]


def taps(x, node, kernel, fill=0):
    """For each position of the window what every output sees there."""
    begin, end = pair(node, "pad_begin", 0), pair(node, "pad_end", 0)
    stride, dilation = pair(node, "stride", 1), pair(node, "dilation", 1)
    rows, cols = extents(x.shape, node, kernel)
    x = np.pad(x, ((0, 0), (0, 0), *zip(begin, end, strict=True)), constant_values=fill)
    for ky in range(kernel[0]):
        for kx in range(kernel[1]):
            top, left = ky * dilation[0], kx * dilation[1]
            yield ky, kx, x[:, :, top :: stride[0], left :: stride[1]][:, :, :rows, :cols]


def convolve(x, weight, node):
    """N x C x H x W by O x C/groups x KH x KW."""
    groups = node.get("groups", 1)
    inner, outer = weight.shape[1], weight.shape[0] // groups
    rows, cols = extents(x.shape, node, weight.shape[2:])
    out = np.zeros((x.shape[0], weight.shape[0], rows * cols))
    for ky, kx, seen in taps(x, node, weight.shape[2:]):
        seen = seen.reshape(x.shape[0], x.shape[1], rows * cols)
        for g in range(groups):
            made = slice(g * outer, (g + 1) * outer)
            out[:, made] += weight[made, :, ky, kx] @ seen[:, g * inner : (g + 1) * inner]
    return out.reshape(x.shape[0], weight.shape[0], rows, cols)


def conv(node, x):
    weight = node["weight"].astype(np.float64)
    bias = node.get("bias")
    bias = (np.zeros(len(weight)) if bias is None else bias.astype(np.float64))[:, None, None]
    size = np.abs(weight)
    error = convolve(x.error, size, node)
    magnitude = convolve(x.most, size, node) + np.abs(bias)
    nan = convolve(x.nan.astype(np.float64), (weight != 0).astype(np.float64), node) > 0
    kept = int(np.count_nonzero(weight.reshape(len(weight), -1), axis=1).max())
    # Each product may round apart; up to four chains join; the bias is added.
    return Value(convolve(x.exact, weight, node) + bias, error, nan).rounded(kept + 5, magnitude)


def linear(node, x):
    plain = {k: node[k] for k in ("weight", "bias") if k in node}
    plain["weight"] = plain["weight"][:, :, None, None]
    return conv(plain, x.map(lambda v: v[:, :, None, None])).map(lambda v: v[:, :, 0, 0])


def add(_, a, b):
    made = Value(a.exact + b.exact, a.error + b.error, a.nan | b.nan)
    return made.rounded(1, a.most + b.most)


def multiply(_, a, b):
    """Errors of both multiply what the other is; a map of one position multiplies all of one."""
    error = np.abs(a.exact) * b.error + b.most * a.error
    made = Value(a.exact * b.exact, error, a.nan | b.nan)
    return made.rounded(1, a.most * b.most)


def scale(node, x):
    shape = (-1, *[1] * (x.exact.ndim - 2))
    factor = node["weight"].astype(np.float64).reshape(shape)
    shift = node["bias"].astype(np.float64).reshape(shape) if "bias" in node else 0
    made = Value(factor * x.exact + shift, np.abs(factor) * x.error, x.nan)
    return made.rounded(2, np.abs(factor) * x.most + np.abs(shift))


def activation(node, x):
    return ACTIVATIONS[node["kind"]](node, x)


def hard_sigmoid(node, x):
    """A rounded factor, a product and a sum; an error beyond the clamps is cut off."""
    slope, offset = node.get("slope", 1 / 6), node.get("offset", 0.5)
    made = Value(np.clip(slope * x.exact + offset, 0, 1), abs(slope) * x.error, x.nan)
    size = np.minimum(abs(slope) * x.most + abs(offset), 1 + 2 * abs(offset))
    return made.rounded(3, size)


def hard_swish(node, x):
    return multiply(None, x, hard_sigmoid(node, x))


def silu(_, x):
    return multiply(None, x, sigmoid(None, x))


def sigmoid(_, x):
    exact = 1 / (1 + np.exp(-x.exact))
    made = Value(exact, x.error / 4, x.nan)
    return made.rounded(4, made.most)  # as promised in activation-inl.h


ACTIVATIONS = {
    "relu": lambda _, x: Value(np.maximum(x.exact, 0), x.error, x.nan),
    "relu6": lambda _, x: Value(np.clip(x.exact, 0, 6), x.error, x.nan),
    "hard_swish": hard_swish,
    "sigmoid": sigmoid,
    "hard_sigmoid": hard_sigmoid,
    "silu": silu,
}


def softmax(_, x):
    """Errors of the inputs multiply a result by up to e^(2 error)."""
    below = x.exact - x.exact.max(1, keepdims=True)
    exact = np.exp(below)
    exact /= exact.sum(1, keepdims=True)
    # The differences are rounded, each by its own size.
    carried = 2 * x.error.max(1, keepdims=True) + gamma(2) * np.abs(below).max(1, keepdims=True)
    nan = np.broadcast_to(x.nan.any(1, keepdims=True), x.nan.shape)
    made = Value(exact, exact * np.expm1(carried), nan)
    # Exponentials to 4 roundings each, their sum, the division.
    return made.rounded(x.exact.shape[1] + 10, made.most)


def max_pool(node, x):
    kernel, low = node["kernel"], -np.inf
    exact = [seen for _, _, seen in taps(np.where(x.nan, low, x.exact), node, kernel, low)]
    error = [seen for _, _, seen in taps(x.error, node, kernel)]
    nan = [seen for _, _, seen in taps(x.nan, node, kernel, False)]
    best = np.max(exact, axis=0)
    return Value(np.where(np.isneginf(best), 0, best), np.max(error, axis=0), np.any(nan, axis=0))


def mean(values, count, axis):
    """Of `count` values each; those beyond are zero."""
    made = Value(
        values.exact.sum(axis) / count, values.error.sum(axis) / count, values.nan.any(axis)
    )
    # Additions, a division, and a divisor that may itself be rounded.
    return made.rounded(values.exact.shape[axis] + 3, values.most.sum(axis) / count)


def global_average_pool(node, x):
    n, c, h, w = x.exact.shape
    made = mean(x.map(lambda v: v.reshape(n, c, h * w)), h * w, 2)
    return made.map(lambda v: v[:, :, None, None]) if node.get("keep_dims", True) else made


def average_pool(node, x):
    kernel = node["kernel"]
    inside = np.ones((1, 1, *x.exact.shape[2:]))
    count = sum(seen for _, _, seen in taps(inside, node, kernel))
    if node.get("count_padding"):
        count = np.full_like(count, kernel[0] * kernel[1])
    exact, error, most = (
        sum(seen for _, _, seen in taps(part, node, kernel)) / count
        for part in (x.exact, x.error, x.most)
    )
    nan = np.any([seen for _, _, seen in taps(x.nan, node, kernel, False)], axis=0)
    # Additions, and a product with a rounded quotient.
    return Value(exact, error, nan).rounded(kernel[0] * kernel[1] + 3, most)


def concat(_, *parts):
    joined = [np.concatenate(arrays, 1) for arrays in zip(*map(fields, parts), strict=True)]
    return Value(*joined)


def fields(x):
    return x.exact, x.error, x.nan


def sources(mode, many, few):
    """`many` output positions of one axis as weights of its `few` input positions."""
    weights, to = np.zeros((many, few)), np.arange(many)
    if mode == "nearest":
        weights[to, to * few // many] = 1
        return weights
    if mode == "bilinear_corners":
        at = to * (few - 1) / max(many - 1, 1)
    else:
        at = np.clip((to + 0.5) * few / many - 0.5, 0, few - 1)
    before = np.floor(at).astype(int)
    weights[to, before] = 1 - (at - before)
    weights[to, np.minimum(before + 1, few - 1)] += at - before
    return weights


def resize(node, x):
    down, across = (
        sources(node["mode"], node["size"][axis], x.exact.shape[2 + axis]) for axis in (0, 1)
    )

    def blend(values):
        return down @ values @ across.T

    nan = (down > 0).astype(float) @ x.nan.astype(float) @ (across > 0).astype(float).T > 0
    made = Value(blend(x.exact), blend(x.error), nan)
    # A rounded product of two weights for each of four inputs; copies are exact.
    return made if node["mode"] == "nearest" else made.rounded(6, blend(x.most))


def flatten(_, x):
    return x.map(lambda v: v.reshape(len(v), -1))


RULES = {
    "conv": conv,
    "linear": linear,
    "add": add,
    "multiply": multiply,
    "scale": scale,
    "activation": activation,
    "max_pool": max_pool,
    "average_pool": average_pool,
    "global_average_pool": global_average_pool,
    "concat": concat,
    "resize": resize,
    "softmax": softmax,
    "flatten": flatten,
}
