"""Random networks of tests/ort with what may stand around them: control flow, int8, maps with
channels last, shared weights; and networks of tokens and of vectors."""

import numpy as np
from networks import Network, RandomNetwork, sparse
from onnx import TensorProto, helper

BOOL, FLOAT, INT64 = TensorProto.BOOL, TensorProto.FLOAT, TensorProto.INT64


def value(name, kind=FLOAT, shape=None):
    return helper.make_tensor_value_info(name, kind, shape)


class Maps(RandomNetwork):
    def outputs(self):
        """But for those of int8: a graph's outputs are float32 here."""
        inside = {n.output[0] for n in self.net.nodes if n.op_type == "QuantizeLinear"}
        return [name for name in super().outputs() if name not in inside]

    def step(self):
        if self.rng.random() < 0.75:
            super().step()
            return
        source = self.pick(list(self.maps)[-3:])
        steps = [self.last_and_back, self.branch, self.loop, self.int8, self.twin, self.alias]
        self.pick(steps)(source, self.maps[source])

    def new_input(self, index, size):
        """Now and then with its channels last."""
        super().new_input(index, size)
        if self.rng.random() < 0.7:
            return
        name, shape = list(self.maps.items())[-1]
        del self.maps[name]
        axes = self.net.inputs[-1].type.tensor_type.shape.dim
        moved = [axes[i].dim_param or axes[i].dim_value or None for i in (0, 2, 3, 1)]
        self.net.inputs[-1] = value(name, shape=moved)
        self.feeds[name] = np.ascontiguousarray(self.feeds[name].transpose(0, 2, 3, 1))
        self.maps[self.net.add("Transpose", name, perm=[0, 3, 1, 2])] = shape

    def head(self):
        x = list(self.maps)[-1]
        if self.rng.random() < 0.3:
            self.net.add("Transpose", x, perm=[0, 2, 3, 1])
            return
        super().head()

    def last_and_back(self, x, shape):
        y = self.net.add("Transpose", x, perm=[0, 2, 3, 1])
        y = self.net.add(self.pick(["Relu", "Identity", "Neg"]), y)
        self.maps[self.net.add("Transpose", y, perm=[0, 3, 1, 2])] = shape

    def alias(self, x, shape):
        self.maps[self.net.add(self.pick(["Identity", "Dropout"]), x)] = shape

    def twin(self, x, shape):
        """A convolution by the weight of an earlier one."""
        arrays = {t.name: t for t in self.net.constants}
        used = [n.input[1] for n in self.net.nodes if n.op_type == "Conv"]
        fitting = [name for name in used if arrays[name].dims[1] == shape[1]]
        if fitting:
            w = self.pick(fitting)
            outputs, _, *kernel = arrays[w].dims
            pads = [k // 2 for k in kernel]
            y = self.net.add("Conv", x, w, pads=[*pads, *pads])
            size = [shape[2 + i] + 2 * pads[i] - kernel[i] + 1 for i in range(2)]
            self.maps[y] = (shape[0], outputs, *size)

    def branch(self, x, shape):
        """One of two nodes, as an input says; each reads a value from outside."""
        flag = f"flag{len(self.net.nodes)}"
        self.net.inputs.append(value(flag, BOOL, []))
        self.feeds[flag] = np.array(self.rng.random() < 0.5)
        bodies = {}
        for name, op in (("then_branch", "Relu"), ("else_branch", "Neg")):
            made = f"{flag}_{op}"
            node = helper.make_node(op, [x], [made], f"{op}_inside_{flag}")
            bodies[name] = helper.make_graph([node], name, [], [value(made)])
        self.maps[self.net.add("If", flag, **bodies)] = shape

    def loop(self, x, shape):
        """The same convolution, two or three times over; its weight lies outside."""
        name = f"loop{len(self.net.nodes)}"
        w = self.net.constant(sparse(self.rng, (shape[1], shape[1], 3, 3), 0.8))
        inputs = [value(f"{name}_i", INT64, []), value(f"{name}_go", BOOL, []), value(f"{name}_x")]
        outputs = [value(f"{name}_on", BOOL), value(f"{name}_y")]
        nodes = [
            helper.make_node("Identity", [f"{name}_go"], [f"{name}_on"]),
            helper.make_node("Conv", [f"{name}_x", w], [f"{name}_y"], pads=[1, 1, 1, 1]),
        ]
        body = helper.make_graph(nodes, name, inputs, outputs)
        y = self.net.add("Loop", np.array(self.pick([2, 3])), np.array(True), x, body=body)
        self.maps[y] = shape

    def int8(self, x, shape):
        step = np.float32(0.125)
        zero = self.pick([np.uint8(128), np.int8(-3)])
        y = self.net.add("QuantizeLinear", x, step, zero)
        self.maps[self.net.add("DequantizeLinear", y, step, zero)] = shape


class Rows:
    """Vectors, or tokens in sequences, through linear layers; one or two inputs."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.net = Network(opset=self.pick([13, 17, 18, 20]))
        self.known, self.feeds = {}, {}  # features by value

    def pick(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def build(self):
        self.tokens = bool(self.rng.random() < 0.6)
        leading = [self.pick([1, 2, 5, 17])] + [self.pick([1, 3, 16, 33])] * self.tokens
        axes = self.pick([["N", "T"], leading, [None, None], ["N", None]])[: len(leading)]
        for i in range(self.pick([1, 1, 2])):
            features = self.pick([3, 8, 16, 33])
            name = self.net.input(f"x{i}", [*axes, features])
            self.feeds[name] = self.rng.standard_normal((*leading, features)).astype(np.float32)
            self.known[name] = features
        for _ in range(int(self.rng.integers(2, 10))):
            steps = [self.product, self.product, self.affine, self.activation, self.sum]
            self.pick([*steps, self.concat, self.softmax, self.foreign])(
                self.pick(list(self.known)[-3:])
            )
        return self.net.serialize(*RandomNetwork.outputs(self)), self.feeds

    def keep(self, y, features):
        self.known[y] = features

    def product(self, x):
        features, outer = self.known[x], self.pick([1, 4, 16, 37])
        w = sparse(self.rng, (outer, features), self.pick([0, 0.5, 0.8, 0.95, 1]))
        if self.tokens or self.rng.random() < 0.5:
            self.keep(self.net.add("MatMul", x, np.ascontiguousarray(w.T)), outer)
        else:
            bias = [self.rng.standard_normal(outer).astype(np.float32)] * self.pick([0, 1])
            self.keep(self.net.add("Gemm", x, w, *bias, transB=1), outer)

    def affine(self, x):
        c = self.rng.uniform(0.5, 1.5, self.known[x]).astype(np.float32)
        self.keep(self.net.add(self.pick(["Add", "Sub", "Mul", "Div"]), x, c), self.known[x])

    def activation(self, x):
        op = self.pick(["Relu", "Sigmoid", "HardSwish"] if self.net.opset >= 14 else ["Relu"])
        self.keep(self.net.add(op, x), self.known[x])

    def sum(self, x):
        fitting = [y for y, features in self.known.items() if features == self.known[x]]
        self.keep(self.net.add("Add", x, self.pick(fitting)), self.known[x])

    def concat(self, x):
        y = self.pick(list(self.known))
        made = self.net.add("Concat", x, y, axis=1 + self.tokens)
        self.keep(made, self.known[x] + self.known[y])

    def softmax(self, x):
        self.keep(self.net.add("Softmax", x, axis=-1), self.known[x])

    def foreign(self, x):
        self.keep(self.net.add("Neg", x), self.known[x])
