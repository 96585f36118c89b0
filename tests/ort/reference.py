"""ONNX networks in float64, each value with a bound on how far float32 may land from it.

The bound follows rounding errors through the network: a sum of k products computed in any order in
float32 is within gamma(k) = k u / (1 - k u), u = 2**-24, of its exact value, times the sum of the
products' magnitudes; errors of the inputs pass through with the magnitudes of the weights.
"""

import numpy as np
import onnx
from onnx import numpy_helper

UNIT = 2.0**-24
# Results below the normal range may be flushed to zero.
SMALLEST = float(np.finfo(np.float32).tiny)


def gamma(k):
    return k * UNIT / (1 - k * UNIT)


def evaluate(model, feeds):
    """{output: (value, bound)}, both float64, for a serialized model and its float32 inputs."""
    graph = onnx.load_from_string(model).graph
    values = evaluate_graph(graph, {name: exact(array) for name, array in feeds.items()})
    return {output.name: values[output.name] for output in graph.output}


def evaluate_graph(graph, outside):
    """All values that are known inside a graph, or the body of an If or a Loop."""
    constants = {t.name: exact(numpy_helper.to_array(t)) for t in graph.initializer}
    values, terms = {**outside, **constants}, {}  # terms: of the sums a product is
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        inputs = [values.get(name) for name in node.input]
        if node.op_type in BODIES:
            results = BODIES[node.op_type](attributes, values, *inputs)
            values |= zip(node.output, results, strict=True)
            continue
        value, bound = RULES[node.op_type](attributes, *inputs)
        if node.op_type in ("Conv", "MatMul"):
            w = inputs[1][0]
            terms[node.output[0]] = longest(w if node.op_type == "Conv" else w.T)
        if node.op_type == "Identity":
            terms[node.output[0]] = terms.get(node.input[0], 0)
        if node.op_type == "Add":
            # What is added to a product may take part in the rounding of its sums.
            for name, other in zip(node.input, reversed(inputs), strict=True):
                bound = bound + gamma(terms.get(name, 0)) * (np.abs(other[0]) + other[1])
        values[node.output[0]] = value, bound
    return values


# By the names of nodes with bodies: functions of attributes, all values so far, and the inputs,
# that give all outputs.
BODIES = {}


def constants(model):
    """The values of all initializers of a serialized model."""
    return [numpy_helper.to_array(t) for t in onnx.load_from_string(model).graph.initializer]


def exact(array):
    return array.astype(np.float64), np.zeros(array.shape)


def pads(a, shape, kernel, stride, dilation):
    """[(top, bottom), (left, right)] by the rules of the ONNX specification."""
    mode = a.get("auto_pad", b"NOTSET").decode()
    if mode == "NOTSET":
        given = a.get("pads", [0, 0, 0, 0])
        return [(given[0], given[2]), (given[1], given[3])]
    if mode == "VALID":
        return [(0, 0), (0, 0)]
    result = []
    for size, k, s, d in zip(shape[2:], kernel, stride, dilation, strict=True):
        total = max(0, (-(-size // s) - 1) * s + (k - 1) * d + 1 - size)
        less, more = total // 2, total - total // 2
        result.append((less, more) if mode == "SAME_UPPER" else (more, less))
    return result


def windows(a, x, kernel, fill):
    """Views of x under each kernel position: list of [N, C, OH, OW], kernel row-major."""
    stride = a.get("strides", [1, 1])
    dilation = a.get("dilations", [1, 1])
    padding = pads(a, x.shape, kernel, stride, dilation)
    x = np.pad(x, [(0, 0), (0, 0), *padding], constant_values=fill)
    size = [(x.shape[2 + i] - (kernel[i] - 1) * dilation[i] - 1) // stride[i] + 1 for i in range(2)]
    views = []
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            top, left = i * dilation[0], j * dilation[1]
            rows = slice(top, top + (size[0] - 1) * stride[0] + 1, stride[0])
            columns = slice(left, left + (size[1] - 1) * stride[1] + 1, stride[1])
            views.append(x[:, :, rows, columns])
    return views


def longest(w):
    """The most products that one output, a row of the weight, is a sum of."""
    return int(np.count_nonzero(w.reshape(len(w), -1), axis=1).max(initial=0))


def weighted(product, x, w, bias, extra=0):
    """A sum of products plus bias; `product(x, w)` must be linear in both."""
    value, error = x
    k = longest(w) + 1 + extra
    magnitude = product(np.abs(value) + error, np.abs(w)) + np.abs(bias)
    bound = product(error, np.abs(w)) + gamma(k) * magnitude + k * SMALLEST
    return product(value, w) + bias, bound


def conv(a, x, w, b=None):
    w = w[0]
    groups = a.get("group", 1)
    bias = np.zeros(len(w)) if b is None else b[0]

    def product(x, w):
        parts = []
        for xs, ws in zip(np.split(x, groups, 1), np.split(w, groups), strict=True):
            taps = ws.transpose(2, 3, 0, 1).reshape(-1, *ws.shape[:2])
            views = windows(a, xs, w.shape[2:], 0.0)
            products = (np.einsum("nchw,oc->nohw", v, t) for v, t in zip(views, taps, strict=True))
            parts.append(sum(products))
        return np.concatenate(parts, 1)

    return weighted(product, x, w, bias[:, None, None])


def gemm(a, x, w, b=None):
    w = w[0] if a.get("transB", 0) else w[0].T
    bias = 0.0 if b is None else b[0] * a.get("beta", 1.0)
    w = w * a.get("alpha", 1.0)
    # Scaling by alpha or beta rounds once more each.
    return weighted(lambda x, w: x @ w.T, x, w, bias, extra=2)


def matmul(a, x, w):
    return weighted(lambda x, w: x @ w.T, x, w[0].T, 0.0)


def add(a, x, y):
    value, error = x[0] + y[0], x[1] + y[1]
    return value, error + UNIT * (np.abs(value) + error)


def scale(a, x, y):
    value, error = x[0] * y[0], x[1] * np.abs(y[0])
    return value, error + UNIT * (np.abs(value) + error) + SMALLEST


def relu(a, x):
    return np.maximum(x[0], 0), x[1]


def clip(a, x, low, high=(np.inf, 0)):
    return np.clip(x[0], low[0], high[0]), x[1]


def sigmoid(a, x):
    """Ours is within 3 units of the result (csrc/kernels/activation-inl.h); the CPU provider was
    found within 2.9 units of 1 on six million inputs."""
    return 1 / (1 + np.exp(-x[0])), x[1] / 4 + 3 * UNIT


def hard_swish(a, x):
    """The slope is at most 1.5; 1/6, a product, a sum and a product are rounded."""
    gate = np.abs(x[0]) / 6 + 0.5
    value = x[0] * np.clip(x[0] / 6 + 0.5, 0, 1)
    return value, 1.5 * x[1] + 5 * UNIT * np.abs(x[0]) * gate + SMALLEST


def softmax(a, x):
    """An error of x moves each term and the sum. Ours rounds x - max, terms and sum
    (csrc/kernels/exp-inl.h); the CPU provider was found within 4.4 units of 1."""
    distance = x[0].max(-1, keepdims=True) - x[0]
    terms = np.exp(-distance)
    value = terms / terms.sum(-1, keepdims=True)
    moved = np.expm1(2 * x[1].max(-1, keepdims=True))
    rounded = 2 * UNIT * (distance + 1.5) + gamma(x[0].shape[-1] + 1)
    return value, value * (moved + rounded) + 5 * UNIT


def batch_norm(a, x, scale, shift, mean, variance):
    """As a factor and a shift, each rounded, whose product and sum are rounded."""
    factor = scale[0] / np.sqrt(variance[0] + np.float32(a.get("epsilon", 1e-5)))
    factor, shift, mean = (v.reshape(-1, 1, 1) for v in (factor, shift[0], mean[0]))
    value = x[0] * factor + (shift - mean * factor)
    magnitude = (np.abs(x[0]) + x[1] + np.abs(mean)) * np.abs(factor) + np.abs(shift)
    return value, x[1] * np.abs(factor) + gamma(6) * magnitude + SMALLEST


def divide(a, x, y):
    """Or a product with the reciprocal, which is rounded too."""
    value, error = x[0] / y[0], x[1] / np.abs(y[0])
    return value, error + 2 * UNIT * (np.abs(value) + error) + SMALLEST


def leaky_relu(a, x):
    slope = np.where(x[0] < 0, np.float64(np.float32(a["alpha"])), 1.0)
    value = x[0] * slope
    return value, x[1] + UNIT * (np.abs(value) + x[1]) + SMALLEST


def max_pool(a, x):
    kernel = a["kernel_shape"]
    value = np.max(windows(a, x[0], kernel, -np.inf), axis=0)
    return value, np.max(windows(a, x[1], kernel, 0.0), axis=0)


def average_pool(a, x):
    kernel = a["kernel_shape"]
    ones = np.ones((1, 1, *x[0].shape[2:]))
    inside = sum(windows(a, ones, kernel, 1.0 if a.get("count_include_pad", 0) else 0.0))
    value, error, size = (sum(windows(a, p, kernel, 0.0)) / inside for p in (*x, np.abs(x[0])))
    return value, error + gamma(kernel[0] * kernel[1] + 1) * (size + error) + SMALLEST


def resize(a, x, roi, scales):
    """By whole factors: the nearest, or between half-pixel centres, the edges repeated."""
    for axis in (2, 3):
        factor = int(scales[0][axis])
        if a.get("mode", b"nearest") == b"nearest":
            x = tuple(np.repeat(part, factor, axis) for part in x)
            continue
        size = x[0].shape[axis]
        centre = np.clip((np.arange(factor * size) + 0.5) / factor - 0.5, 0, size - 1)
        low = np.minimum(centre.astype(int), max(size - 2, 0))
        high = np.minimum(low + 1, size - 1)
        shape = [-1 if i == axis else 1 for i in range(4)]
        share = (centre - low).reshape(shape)
        value, error, magnitude = (
            (1 - share) * np.take(p, low, axis) + share * np.take(p, high, axis)
            for p in (*x, np.abs(x[0]))
        )
        # Two weights, each of two rounded factors, two products and a sum. A coordinate is rounded
        # three times, by its own size, and moves the weight of one neighbour to the other.
        swing = sum(np.take(np.abs(x[0]) + x[1], index, axis) for index in (low, high))
        rounded = gamma(6) * (magnitude + error) + gamma(3) * size * swing
        x = value, error + rounded + SMALLEST
    return x


def mean(x, keep):
    count = x[0].shape[2] * x[0].shape[3]
    value, error = (part.mean((2, 3), keepdims=keep) for part in x)
    magnitude = (np.abs(x[0]) + x[1]).mean((2, 3), keepdims=keep)
    return value, error + gamma(count + 1) * magnitude + SMALLEST


def reduce_mean(a, x, axes=None):
    return mean(x, bool(a.get("keepdims", 1)))


def flatten(a, x, shape=None):
    return tuple(part.reshape(len(part), -1) for part in x)


def concat(a, *parts):
    return tuple(np.concatenate(both, a["axis"]) for both in zip(*parts, strict=True))


RULES = {
    "Conv": conv,
    "Gemm": gemm,
    "MatMul": matmul,
    "Add": add,
    "Sum": add,
    "Mul": scale,
    "Sub": lambda a, x, y: add(a, x, (-y[0], y[1])),
    "Div": divide,
    "Relu": relu,
    "Sigmoid": sigmoid,
    "HardSwish": hard_swish,
    "Softmax": softmax,
    "BatchNormalization": batch_norm,
    "AveragePool": average_pool,
    "Resize": resize,
    "Clip": clip,
    "LeakyRelu": leaky_relu,
    "Neg": lambda a, x: (-x[0], x[1]),
    "MaxPool": max_pool,
    "GlobalAveragePool": lambda a, x: mean(x, keep=True),
    "ReduceMean": reduce_mean,
    "Flatten": flatten,
    "Reshape": flatten,
    "Identity": lambda a, x: x,
    "Concat": concat,
}
