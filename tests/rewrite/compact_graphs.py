"""Networks with pruned weights, and what their compact form has to keep of them."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from sparseprune import rewrite

RANDOM = np.random.default_rng(0)


def pruned(*shape, density=0.1):
    weight = RANDOM.normal(size=shape).astype(np.float32)
    return np.where(RANDOM.random(shape) < density, weight, np.float32(0))


def dense(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def model(nodes, x, y, initializers, *, opset=17, ir=8, **graph):
    """One input "x" and one output "y" of these shapes; initializers by name."""
    info = helper.make_tensor_value_info
    tensors = [numpy_helper.from_array(array, name) for name, array in initializers.items()]
    ports = [info("x", TensorProto.FLOAT, x)], [info("y", TensorProto.FLOAT, y)]
    made = helper.make_graph(nodes, "g", *ports, tensors, **graph)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)


def run(proto, x):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})[0]


def check(proto, x, operators, **options):
    """The compact form is valid, smaller, has these operators, and answers alike."""
    before = proto.SerializeToString()
    made = rewrite.compact(proto, **options)
    assert proto.SerializeToString() == before
    onnx.checker.check_model(made, full_check=True)
    assert [n.op_type for n in made.graph.node if n.domain == "sparseprune"] == operators
    assert [n.name for n in made.graph.node] == [n.name for n in proto.graph.node]
    assert made.ByteSize() < proto.ByteSize()
    assert rewrite.compact(made, **options) == made
    wanted = run(rewrite.rounded(proto) if options else proto, x)
    np.testing.assert_allclose(run(made, x), wanted, rtol=1e-5, atol=1e-5)
    back = rewrite.plain(made)
    onnx.checker.check_model(back, full_check=True)
    assert not back.functions
    assert {n.domain for n in back.graph.node} == {""}
    np.testing.assert_allclose(run(back, x), wanted, rtol=1e-5, atol=1e-5)
    return made


def attributes(node):
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def gemm(**options):
    return helper.make_node("Gemm", ["x", "w"], ["y"], name="gemm", **options)
