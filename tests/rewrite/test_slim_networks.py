"""Networks of this project, and drawn ones, slim as far as their torch twins do."""

import io
import math
import warnings

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from sparseprune.errors import InputError
from sparseprune.rewrite import slim

# Two double precision evaluations of these small graphs, whatever the order of their sums.
SLACK = 1e-10


def run(model, x):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def outputs(model):
    """Output channels of every convolution and Gemm, in order."""
    stored = {t.name: t.dims for t in model.graph.initializer}
    return [
        stored[node.input[1]][int(node.op_type == "MatMul")]
        for node in model.graph.node
        if node.op_type in ("Conv", "Gemm", "MatMul")
    ]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet8", {"width": 16}),
        ("vgg8", {"width": 8}),
        ("mobilenet", {"width": 8}),
        ("densenet22", {"growth": 4}),
        ("feed_forward", {"hidden": 32}),
    ],
)
def test_as_many_channels_leave_as_from_the_torch_network(name, options):
    torch = pytest.importorskip("torch")
    from sparseprune import models
    from sparseprune.convert import slim as slim_module
    from sparseprune.graph import trace

    torch.manual_seed(1)
    model = models.build(name, input_shape=(1, 16, 16), classes=5, **options).eval()
    inputs = torch.randn(3, 1, 16, 16)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.bias.normal_(generator=generator)
        for group in trace(model, inputs).groups:
            dead = torch.rand(group.size, generator=generator) < 0.6
            for member in (*group.producers, *group.followers) if group.prunable else ():
                layer = model.get_submodule(member.layer)
                places = member.positions(dead.nonzero().ravel().numpy())
                for parameter in layer.parameters(recurse=False):
                    parameter[places] = 0
    # The older of torch's exporters: seconds faster, and it stores equal constants only once.
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (inputs,), stream, dynamo=False, opset_version=17)
    proto = onnx.load_from_string(stream.getvalue())
    logits = run(proto, inputs.numpy())
    # The exporter's gate has the computed bound; here half of float32's digits suffice to tell a
    # lost channel, which changes the leading ones.
    limit = math.sqrt(np.finfo(np.float32).eps) * np.abs(logits).max()
    for round_to in (1, 8):
        twin = slim_module(model, inputs, round_to=round_to)
        slimmed = slim(proto, round_to=round_to)
        onnx.checker.check_model(slimmed, full_check=True)
        expected = [after for _, after in twin.record["channels"].values()]
        assert outputs(slimmed) == expected
        assert sum(expected) < sum(outputs(proto))
        np.testing.assert_allclose(run(slimmed, inputs.numpy()), logits, rtol=0, atol=limit)


class Drawn:
    """A random graph of the operators whose channels are followed, and of some that are not."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants, self.count = [], [], 0
        self.maps = [("x", 3)]  # open ends: name and channels, all of one size of map

    def name(self):
        self.count += 1
        return f"t{self.count}"

    def constant(self, array):
        name = self.name()
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, kind, *inputs, **attributes):
        name = self.name()
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def sparse(self, *shape):
        """Weights with whole rows, whole columns and single entries gone."""
        array = self.rng.normal(size=shape)
        array[self.rng.random(shape[0]) < self.rng.choice([0, 0.3, 0.8])] = 0
        if len(shape) > 1:
            array[:, self.rng.random(shape[1]) < self.rng.choice([0, 0.3, 0.6])] = 0
        array[self.rng.random(shape) < self.rng.choice([0, 0.5])] = 0
        return self.constant(array)

    def pick(self):
        return self.maps[self.rng.integers(len(self.maps))]

    def grow(self):
        steps = (
            *(self.conv, self.conv, self.grouped, self.depthwise, self.activation),
            *(self.activation, self.norm, self.merge, self.merge, self.concat, self.gate),
            *(self.pool, self.constant_of_channels, self.shuffle, self.foreign),
        )
        made = steps[self.rng.integers(len(steps))](*self.pick())
        if made is not None:
            self.maps.append(made)

    def conv(self, x, size):
        outputs = int(self.rng.integers(1, 9))
        k = int(self.rng.choice([1, 3]))
        bias = [self.sparse(outputs)] if self.rng.random() < 0.7 else []
        made = self.node("Conv", x, self.sparse(outputs, size, k, k), *bias, pads=[k // 2] * 4)
        return made, outputs

    def grouped(self, x, size):
        if size % 2:
            return None
        outputs = 2 * int(self.rng.integers(1, 5))
        weight = self.sparse(outputs, size // 2, 1, 1)
        return self.node("Conv", x, weight, self.sparse(outputs), group=2), outputs

    def depthwise(self, x, size):
        times = int(self.rng.choice([1, 1, 2]))
        weight = self.sparse(size * times, 1, 3, 3)
        made = self.node("Conv", x, weight, self.sparse(size * times), group=size, pads=[1] * 4)
        return made, size * times

    def activation(self, x, size):
        kinds = ("Relu", "Sigmoid", "HardSigmoid", "LeakyRelu", "Tanh", "Neg", "Elu")
        return self.node(str(self.rng.choice(kinds)), x), size

    def norm(self, x, size):
        numbers = [self.sparse(size), self.sparse(size), self.sparse(size)]
        variance = self.constant(self.rng.uniform(0.5, 2, size))
        return self.node("BatchNormalization", x, *numbers, variance), size

    def merge(self, x, size):
        others = [name for name, other in self.maps if other in (size, 1)]
        kind = str(self.rng.choice(["Add", "Mul", "Sub", "Max"]))
        return self.node(kind, x, others[self.rng.integers(len(others))]), size

    def concat(self, x, size):
        other, more = self.pick()
        return self.node("Concat", x, other, axis=1), size + more

    def gate(self, x, size):
        pooled = self.node("Flatten", self.node("GlobalAveragePool", x))
        gate = self.node("Gemm", pooled, self.sparse(size, size), self.sparse(size), transB=1)
        gate = self.node("Reshape", gate, self.constant(np.array([-1, size, 1, 1])))
        return self.node("Mul", x, self.node("Sigmoid", gate)), size

    def pool(self, x, size):
        kind = str(self.rng.choice(["MaxPool", "AveragePool"]))
        more = {"count_include_pad": int(self.rng.integers(2))} if kind == "AveragePool" else {}
        return self.node(kind, x, kernel_shape=[3, 3], pads=[1] * 4, **more), size

    def constant_of_channels(self, x, size):
        kind = str(self.rng.choice(["Add", "Mul", "PRelu"]))
        return self.node(kind, x, self.constant(self.rng.normal(size=(size, 1, 1)))), size

    def shuffle(self, x, size):
        order = self.rng.permutation(size)
        return self.node("Gather", x, self.constant(order), axis=1), size

    def foreign(self, x, size):
        return self.node("Softmax", x, axis=1), size

    def finish(self):
        """All ends that nobody reads come together in one output."""
        read = {name for node in self.nodes for name in node.input}
        ends = [(name, size) for name, size in self.maps if name not in read]
        x = self.node("Concat", *(name for name, _ in ends), axis=1)
        total = sum(size for _, size in ends)
        x = self.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        x = self.node("Gemm", self.node("Flatten", x), self.sparse(4 * total, 3))
        port = helper.make_tensor_value_info("x", TensorProto.DOUBLE, [2, 3, 4, 4])
        result = helper.make_empty_tensor_value_info(x)
        graph = helper.make_graph(self.nodes, "g", [port], [result], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return onnx.shape_inference.infer_shapes(model)


def test_drawn_graphs_answer_as_before():
    slimmer = 0
    for seed in range(150):
        drawn = Drawn(seed)
        for _ in range(int(drawn.rng.integers(4, 16))):
            drawn.grow()
        model = drawn.finish()
        onnx.checker.check_model(model, full_check=True)
        try:
            slimmed = slim(model, round_to=int(drawn.rng.choice([1, 2, 4])))
        except InputError:
            continue
        slimmer += 1
        onnx.checker.check_model(slimmed, full_check=True)
        assert sum(outputs(slimmed)) <= sum(outputs(model)), seed
        x = drawn.rng.normal(size=(2, 3, 4, 4))
        expected = ReferenceEvaluator(model).run(None, {"x": x})[0]
        got = ReferenceEvaluator(slimmed).run(None, {"x": x})[0]
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(got, expected, rtol=0, atol=SLACK * scale, err_msg=str(seed))
    assert slimmer > 50
