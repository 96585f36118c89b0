"""Graphs written down node by node, and what slimming has to keep of them."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from sparseprune.rewrite import slim


class Maker:
    """A graph written down node by node; weights are drawn, and some channels of them are zero."""

    def __init__(self, seed=0, opset=17, shape=(None, 3, 8, 8)):
        self.rng = np.random.default_rng(seed)
        self.opset, self.shape = opset, shape
        self.nodes, self.constants, self.count = [], [], 0

    def name(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    def constant(self, array, dtype=np.float64):
        array = np.asarray(array)
        name = self.name("c")
        kept = array if array.dtype.kind in "ib" else array.astype(dtype)
        self.constants.append(numpy_helper.from_array(kept, name))
        return name

    def node(self, kind, *inputs, outputs=1, **attributes):
        names = [self.name(kind.lower()) for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def conv(self, x, inputs, outputs, *, k=3, pad=True, dead=(), bias=True, groups=1, **more):
        weight = self.rng.normal(size=(outputs, inputs // groups, k, k))
        shift = self.rng.normal(size=outputs)
        weight[list(dead)], shift[list(dead)] = 0, 0
        args = [x, self.constant(weight), *([self.constant(shift)] if bias else [])]
        pads = [k // 2 if pad else 0] * 4
        return self.node("Conv", *args, pads=pads, group=groups, **more)

    def gemm(self, x, inputs, outputs, *, dead=()):
        weight, bias = self.rng.normal(size=(outputs, inputs)), self.rng.normal(size=outputs)
        weight[list(dead)], bias[list(dead)] = 0, 0
        return self.node("Gemm", x, self.constant(weight), self.constant(bias), transB=1)

    def pooled(self, x):
        return self.node("Flatten", self.node("GlobalAveragePool", x))

    def model(self, output):
        port = helper.make_tensor_value_info("x", TensorProto.DOUBLE, self.shape)
        result = helper.make_empty_tensor_value_info(output)  # inference fills it in
        graph = helper.make_graph(self.nodes, "g", [port], [result], self.constants)
        imports = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=imports, ir_version=8)
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
        onnx.checker.check_model(model, full_check=True)
        return model


def shapes(model):
    return {t.name: tuple(t.dims) for t in model.graph.initializer}


def weights(model):
    """Shapes of the weights of layers, in order."""
    stored = shapes(model)
    kinds = ("Conv", "ConvTranspose", "Gemm", "MatMul")
    return [stored[n.input[1]] for n in model.graph.node if n.op_type in kinds]


def answers(model, batch=2):
    dims = model.graph.input[0].type.tensor_type.shape.dim
    shape = [d.dim_value or batch for d in dims]
    x = np.random.default_rng(9).normal(size=shape)
    return ReferenceEvaluator(model).run(None, {"x": x})


def assert_same(model, slimmed):
    """Equal in double precision to far less than any channel adds."""
    onnx.checker.check_model(slimmed, full_check=True)
    for expected, got in zip(answers(model), answers(slimmed), strict=True):
        scale = np.abs(expected).max()
        assert scale > 0
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-11 * scale)


def check(model, expected, *, round_to=1):
    """Slimming leaves these weights and the same answers; the model given stays as it was."""
    before = model.SerializeToString()
    slimmed = slim(model, round_to=round_to)
    assert model.SerializeToString() == before
    assert weights(slimmed) == expected
    assert_same(model, slimmed)
    return slimmed
