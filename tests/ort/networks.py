"""Random small networks of the nodes the provider supports, with others in between."""

from dataclasses import dataclass, field

import numpy as np
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


@dataclass
class Network:
    """A model under construction; every value has a name and a shape, batch included."""

    opset: int = 18
    nodes: list = field(default_factory=list)
    constants: list = field(default_factory=list)
    inputs: list = field(default_factory=list)
    outputs: list = field(default_factory=list)

    def input(self, name, axes):
        self.inputs.append(helper.make_tensor_value_info(name, FLOAT, axes))
        return name

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def add(self, op, *inputs, **attributes):
        """Append a node with one output; arrays among the inputs become constants."""
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        output = f"v{len(self.nodes)}"
        node = helper.make_node(op, names, [output], f"{op}_{len(self.nodes)}", **attributes)
        self.nodes.append(node)
        return output

    def sparse_conv(self, x, channels=4, **attributes):
        """A convolution to four channels of the same size, 80 % zeros."""
        w = sparse(np.random.default_rng(7), (4, channels, 3, 3), 0.8)
        return self.add("Conv", x, w, **{"pads": [1, 1, 1, 1], **attributes})

    def serialize(self, *outputs):
        shapes = [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "network", self.inputs, shapes, self.constants)
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def sparse(rng, shape, sparsity):
    """Normal values, scaled for unit variance of the products, a given fraction of them zero."""
    array = rng.standard_normal(shape).astype(np.float32)
    array *= 1.0 / np.sqrt(max(1, np.prod(shape[1:]) * (1 - sparsity)))
    zeros = rng.permutation(array.size)[: int(sparsity * array.size)]
    array.reshape(-1)[zeros] = 0
    return array


def weight(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def one_node(case, *, follow):
    """(network, output, feeds): one node, and with `follow` a sparse layer before it.

    A case is (operator, further inputs, attributes, shape of the first input, ...).
    """
    op, further, attributes, axes = case[:4]
    net = Network()
    x = net.input("x", list(axes))
    known = {"N": 2, "H": 9, "W": 11, "T": 3, None: 9, "one": 1}
    feeds = {"x": weight(*[known.get(a, a) for a in axes])}
    if follow and len(axes) == 4:
        x = net.sparse_conv(x)
    elif follow:
        w = sparse(np.random.default_rng(3), (axes[-1], axes[-1]), 0.7)
        x = net.add("MatMul", x, w)
    return net, net.add(op, x, *further, **attributes), feeds


class RandomNetwork:
    """Draws nodes one after the other; `build` gives the model and inputs for it."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.net = Network(opset=int(self.pick([13, 17, 18])))
        self.batch = int(self.rng.integers(1, 4))
        self.maps, self.vectors, self.feeds = {}, {}, {}

    def pick(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def build(self):
        size = (int(self.rng.integers(5, 20)), int(self.rng.integers(5, 20)))
        for index in range(self.pick([1, 1, 2, 3])):
            self.new_input(index, size)
        for _ in range(int(self.rng.integers(4, 14))):
            self.step()
        if self.rng.random() < 0.6:
            self.head()
        return self.net.serialize(*self.outputs()), self.feeds

    def outputs(self):
        """Whatever nothing reads must be an output, or ONNX Runtime drops it; a few others too."""
        read = {name for node in self.net.nodes for name in node.input}
        made = [node.output[0] for node in self.net.nodes]
        return [name for name in made if name not in read or self.rng.random() < 0.1]

    def new_input(self, index, size):
        shape = (self.batch, self.pick([1, 3, 4, 8, 17]), *size)
        axes = list(
            self.pick([("N", "H", "W"), ("N", *size), (self.batch, *size), ("N", None, None)])
        )
        name = self.net.input(f"x{index}", [axes[0], shape[1], *axes[1:]])
        self.feeds[name] = self.rng.standard_normal(shape).astype(np.float32)
        self.maps[name] = shape

    def step(self):
        source = self.pick(list(self.maps)[-3:])
        weights = {self.conv: 6, self.activation: 4, self.residual: 4, self.pool: 2}
        weights |= {self.affine: 1, self.concat: 1, self.resize: 1, self.foreign: 2}
        draw = self.pick([step for step, weight in weights.items() for _ in range(weight)])
        draw(source, self.maps[source])

    def conv(self, x, shape, *, channels=None, same_size=False):
        kernel = [int(k) for k in self.rng.choice([1, 2, 3, 5], 2)]
        groups = self.groups(shape[1], channels)
        attributes = {"kernel_shape": kernel, "group": groups}
        if same_size:
            attributes["auto_pad"] = self.pick(["SAME_UPPER", "SAME_LOWER"])
        else:
            self.draw_window(attributes, shape)
        outputs = channels or (groups * self.pick([1, 2]) if groups > 1 else self.some_channels())
        w = sparse(
            self.rng, (outputs, shape[1] // groups, *kernel), self.pick([0, 0.3, 0.6, 0.8, 0.95])
        )
        bias = [self.rng.standard_normal(outputs).astype(np.float32)]
        inputs = [x, w, *(bias if self.rng.random() < 0.5 else [])]
        out = extents(shape, kernel, attributes)
        if min(out) < 1:
            return None
        y = self.net.add("Conv", *inputs, **attributes)
        self.maps[y] = (self.batch, outputs, *out)
        return y

    def some_channels(self):
        return self.pick([1, 4, 8, 16, 19])

    def groups(self, inputs, outputs):
        """Mostly one; else depthwise, or two groups, where the channels allow it."""
        choices = [1, 1, 1, 1, inputs, 2]
        groups = self.pick(choices)
        return groups if inputs % groups == 0 and (outputs or groups) % groups == 0 else 1

    def draw_window(self, attributes, shape):
        attributes["strides"] = [int(s) for s in self.rng.choice([1, 1, 2, 3], 2)]
        mode = self.pick(["pads", "pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID", "none"])
        if mode == "pads":
            attributes["pads"] = [int(p) for p in self.rng.integers(0, 3, 4)]
        elif mode != "none":
            attributes["auto_pad"] = mode
        if not mode.startswith("SAME") and self.rng.random() < 0.3:
            attributes["dilations"] = [int(d) for d in self.rng.choice([1, 2, 3], 2)]

    def activation(self, x, shape):
        zero, six = np.float32(0), np.float32(6)
        choices = [("Relu",), ("Relu",), ("Clip", zero), ("Clip", zero, six), ("Sigmoid",)]
        if self.net.opset >= 14:
            choices.append(("HardSwish",))
        op, *limits = self.pick(choices)
        self.maps[self.net.add(op, x, *limits)] = shape

    def affine(self, x, shape):
        """Something per channel."""
        c = shape[1]
        draw = self.rng.uniform(0.5, 1.5, (5, c)).astype(np.float32)
        op = self.pick(["BatchNormalization", "Add", "Sub", "Mul", "Div"])
        if op == "BatchNormalization":
            y = self.net.add(op, x, *draw[:4])
        else:
            y = self.net.add(op, x, draw[0].reshape(self.pick([(c, 1, 1), (1, c, 1, 1)])))
        self.maps[y] = shape

    def concat(self, x, shape):
        """With maps of the same size."""
        fitting = [n for n, other in self.maps.items() if other[2:] == shape[2:]]
        parts = [self.pick(fitting) for _ in range(self.pick([1, 1, 2]))]
        y = self.net.add("Concat", x, *parts, axis=self.pick([1, -3]))
        self.maps[y] = (shape[0], shape[1] + sum(self.maps[p][1] for p in parts), *shape[2:])

    def resize(self, x, shape):
        factors = self.pick([(1, 2), (2, 2), (3, 1)])
        if shape[2] * shape[3] * shape[1] * factors[0] * factors[1] > 20000:
            return
        scales = np.array([1, 1, *factors], np.float32)
        way = self.pick(
            [
                {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
                {"mode": "linear"},
                {},
            ]
        )
        y = self.net.add("Resize", x, "", scales, **way)
        self.maps[y] = (*shape[:2], shape[2] * factors[0], shape[3] * factors[1])

    def residual(self, x, shape):
        """Add something of the same shape: an existing value, or a convolution of this one."""
        others = [name for name, other in self.maps.items() if other == shape]
        if self.rng.random() < 0.5:
            branch = self.conv(x, shape, channels=shape[1], same_size=True)
        else:
            branch = self.pick(others)
        self.maps[self.net.add("Add", branch, x)] = shape

    def pool(self, x, shape):
        op = self.pick(["MaxPool", "AveragePool"])
        attributes = {"kernel_shape": [2, 3], "strides": self.pick([[1, 1], [2, 2]])}
        attributes["pads"] = [int(p) for p in self.rng.integers(0, 2, 4)]
        out = extents(shape, [2, 3], attributes)
        if min(out) >= 1:
            if op == "AveragePool":
                attributes["count_include_pad"] = self.pick([0, 1])
            y = self.net.add(op, x, **attributes)
            self.maps[y] = (self.batch, shape[1], *out)

    def foreign(self, x, shape):
        """A node the provider leaves to others."""
        op = self.pick(["Neg", "Clip", "LeakyRelu"])
        limits = [np.float32(-1), np.float32(1)] if op == "Clip" else []
        attributes = {"alpha": 0.125} if op == "LeakyRelu" else {}
        self.maps[self.net.add(op, x, *limits, **attributes)] = shape

    def head(self):
        x = list(self.maps)[-1]
        channels = self.maps[x][1]
        pooled = self.mean(x)
        w = sparse(self.rng, (self.pick([1, 10]), channels), self.pick([0, 0.7]))
        b = self.rng.standard_normal(len(w)).astype(np.float32)
        kind = self.pick(["Gemm", "GemmT", "MatMul"])
        if kind == "MatMul":
            y = self.net.add("MatMul", pooled, np.ascontiguousarray(w.T))
            y = self.net.add("Add", y, b) if self.rng.random() < 0.5 else y
        elif kind == "Gemm":
            y = self.net.add("Gemm", pooled, np.ascontiguousarray(w.T), b, alpha=0.5, beta=2.0)
        else:
            y = self.net.add("Gemm", pooled, w, b.reshape(1, -1), transB=1)
        if self.rng.random() < 0.3:
            self.net.add("Softmax", y)

    def mean(self, x):
        if self.rng.random() < 0.5:
            return self.net.add("Flatten", self.net.add("GlobalAveragePool", x))
        keep = int(self.rng.random() < 0.5)
        if self.net.opset >= 18:
            y = self.net.add("ReduceMean", x, np.array([3, 2], np.int64), keepdims=keep)
        else:
            y = self.net.add("ReduceMean", x, axes=[-2, -1], keepdims=keep)
        return self.net.add("Reshape", y, np.array([0, -1], np.int64)) if keep else y


def extents(shape, kernel, a):
    """Output height and width of a window."""
    stride, dilation = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
    if a.get("auto_pad", "").startswith("SAME"):
        return tuple(-(-shape[2 + i] // stride[i]) for i in range(2))
    p = a.get("pads", [0, 0, 0, 0])
    return tuple(
        (shape[2 + i] + p[i] + p[2 + i] - (kernel[i] - 1) * dilation[i] - 1) // stride[i] + 1
        for i in range(2)
    )
