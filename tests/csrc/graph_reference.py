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


def relu(_, x):
    return Value(np.maximum(x.exact, 0), x.error, x.nan)


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


def flatten(_, x):
    return x.map(lambda v: v.reshape(len(v), -1))


RULES = {
    "conv": conv,
    "linear": linear,
    "add": add,
    "relu": relu,
    "max_pool": max_pool,
    "global_average_pool": global_average_pool,
    "flatten": flatten,
}
