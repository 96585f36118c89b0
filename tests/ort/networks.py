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
        # Whatever nothing reads must be an output, or ONNX Runtime drops it; a few others too.
        read = {name for node in self.net.nodes for name in node.input}
        made = [node.output[0] for node in self.net.nodes]
        outputs = [name for name in made if name not in read or self.rng.random() < 0.1]
        return self.net.serialize(*outputs), self.feeds

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
        weights = {self.conv: 6, self.relu: 4, self.residual: 4, self.max_pool: 1, self.foreign: 2}
        draw = self.pick([step for step, weight in weights.items() for _ in range(weight)])
        draw(source, self.maps[source])

    def conv(self, x, shape, *, channels=None, same_size=False):
        kernel = [int(k) for k in self.rng.choice([1, 2, 3, 5], 2)]
        attributes = {"kernel_shape": kernel}
        if same_size:
            attributes["auto_pad"] = self.pick(["SAME_UPPER", "SAME_LOWER"])
        else:
            self.draw_window(attributes, shape)
        outputs = channels or self.pick([1, 4, 8, 16, 19])
        w = sparse(self.rng, (outputs, shape[1], *kernel), self.pick([0, 0.3, 0.6, 0.8, 0.95]))
        bias = [self.rng.standard_normal(outputs).astype(np.float32)]
        inputs = [x, w, *(bias if self.rng.random() < 0.5 else [])]
        out = extents(shape, kernel, attributes)
        if min(out) < 1:
            return None
        y = self.net.add("Conv", *inputs, **attributes)
        self.maps[y] = (self.batch, outputs, *out)
        return y

    def draw_window(self, attributes, shape):
        attributes["strides"] = [int(s) for s in self.rng.choice([1, 1, 2, 3], 2)]
        mode = self.pick(["pads", "pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID", "none"])
        if mode == "pads":
            attributes["pads"] = [int(p) for p in self.rng.integers(0, 3, 4)]
        elif mode != "none":
            attributes["auto_pad"] = mode
        if not mode.startswith("SAME") and self.rng.random() < 0.3:
            attributes["dilations"] = [int(d) for d in self.rng.choice([1, 2, 3], 2)]

    def relu(self, x, shape):
        self.maps[self.net.add("Relu", x)] = shape

    def residual(self, x, shape):
        """Add something of the same shape: an existing value, or a convolution of this one."""
        others = [name for name, other in self.maps.items() if other == shape]
        if self.rng.random() < 0.5:
            branch = self.conv(x, shape, channels=shape[1], same_size=True)
        else:
            branch = self.pick(others)
        self.maps[self.net.add("Add", branch, x)] = shape

    def max_pool(self, x, shape):
        attributes = {"kernel_shape": [2, 3], "strides": self.pick([[1, 1], [2, 2]])}
        attributes["pads"] = [int(p) for p in self.rng.integers(0, 2, 4)]
        out = extents(shape, [2, 3], attributes)
        if min(out) >= 1:
            y = self.net.add("MaxPool", x, **attributes)
            self.maps[y] = (self.batch, shape[1], *out)

    def foreign(self, x, shape):
        """A node the provider leaves to others."""
        op = self.pick(["Neg", "Clip", "LeakyRelu", "Concat", "Mul", "Conv"])
        limits = [np.float32(-1), np.float32(1)]
        inputs = {"Clip": limits, "Concat": [x], "Mul": [np.float32(0.7)]}.get(op, [])
        attributes = {"Concat": {"axis": 1}, "LeakyRelu": {"alpha": 0.125}}.get(op, {})
        if op == "Conv":  # depthwise
            inputs, attributes = [sparse(self.rng, (shape[1], 1, 1, 1), 0)], {"group": shape[1]}
        y = self.net.add(op, x, *inputs, **attributes)
        self.maps[y] = (shape[0], shape[1] * (2 if op == "Concat" else 1), *shape[2:])

    def head(self):
        x = list(self.maps)[-1]
        channels = self.maps[x][1]
        pooled = self.pool(x)
        w = sparse(self.rng, (self.pick([1, 10]), channels), self.pick([0, 0.7]))
        b = self.rng.standard_normal(len(w)).astype(np.float32)
        kind = self.pick(["Gemm", "GemmT", "MatMul"])
        if kind == "MatMul":
            self.net.add("MatMul", pooled, np.ascontiguousarray(w.T))
        elif kind == "Gemm":
            self.net.add("Gemm", pooled, np.ascontiguousarray(w.T), b, alpha=0.5, beta=2.0)
        else:
            self.net.add("Gemm", pooled, w, b.reshape(1, -1), transB=1)

    def pool(self, x):
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
