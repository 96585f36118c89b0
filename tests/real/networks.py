"""ONNX networks made by others, pruned, and how far float32 rounding can move their outputs."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
WEIGHTED = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
UNIT = 2.0**-24
FEWEST = 256  # weights of smaller tensors are left alone
RAPIDOCR = Path("rapidocr_onnxruntime/models")


class Packaged(NamedTuple):
    """A network of a package: its file, and shapes of its open inputs."""

    path: Path
    shapes: dict
    last: str | None  # what its last node does, if that would saturate
    claimed: int  # nodes we claim at least, of networks pruned to 90 % zeros


PACKAGED = {
    "text detection": Packaged(
        RAPIDOCR / "ch_PP-OCRv4_det_infer.onnx", {"x": [1, 3, 160, 224]}, "Sigmoid", 150
    ),
    "text recognition": Packaged(
        RAPIDOCR / "ch_PP-OCRv4_rec_infer.onnx", {"x": [2, 3, 48, 160]}, "Softmax", 130
    ),
    "text direction": Packaged(
        RAPIDOCR / "ch_ppocr_mobile_v2.0_cls_infer.onnx", {"x": [3, 3, 48, 192]}, "Softmax", 80
    ),
    "captcha detection": Packaged(Path("ddddocr/common_det.onnx"), {}, None, 150),
    "captcha recognition": Packaged(
        Path("ddddocr/common.onnx"), {"input1": [1, 1, 64, 160]}, None, 25
    ),
}


def pruned(case, folder):
    """A network of PACKAGED with 90 % of its weights zero, cut before it saturates."""
    model = before_last(onnx.load(folder / case.path), case.last)
    assert prune(model, 0.9) > 15
    return model


def tensors(graph):
    """{name: TensorProto} of the constants: initializers, and the values of Constant nodes."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = node.attribute[0].t
    return found


def weights(graph):
    """The float32 tensors that layers multiply by; subgraphs are not entered."""
    constants = tensors(graph)
    names = {node.input[1] for node in graph.node if node.op_type in WEIGHTED}
    for name in sorted(names & set(constants)):
        tensor = constants[name]
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= FEWEST:
            yield tensor


def replace(tensor, array):
    tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float32), tensor.name))


def prune(model, ratio):
    """Zero the smallest weights of every layer, in place; how many layers there are."""
    count = 0
    for tensor in weights(model.graph):
        array = numpy_helper.to_array(tensor).copy()
        size = np.abs(array)
        array[
            size <= np.partition(size.ravel(), int(ratio * size.size))[int(ratio * size.size)]
        ] = 0
        replace(tensor, array)
        count += 1
    return count


def jolted(model, rng):
    """A copy whose weights are moved by as much as rounding may seem to move them.

    A float32 sum of k products is the exact sum for weights that are each wrong by at most
    gamma(k) = k u / (1 - k u) of themselves (Higham 2002, section 3.1), so errors of this size
    with random signs show what the network makes of rounding. They are larger than what rounding
    does: its own errors mostly cancel, to about sqrt(k) u.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in weights(copy.graph):
        array = numpy_helper.to_array(tensor)
        terms = array.size // array.shape[0] * UNIT
        signs = rng.integers(0, 2, array.shape, np.int8) * 2 - 1
        replace(tensor, array * (1 + terms / (1 - terms) * signs))
    return copy


def before_last(model, op):
    """Give what goes into the last node instead, if it is an ``op`` (which would saturate)."""
    last = model.graph.node[-1]
    if last.op_type == op:
        model.graph.output[0].name = last.input[0]  # the shape is the same
        del model.graph.node[-1]
    return model


def light(name, rng):
    """A network of ONNX's backend tests, whose weights are all 0.02, with random ones instead.

    He-normal (for rectifiers) where there are several axes; else 0.5 to 1.5, which serves as a
    bias, a scale and a variance.
    """
    model = onnx.load(LIGHT / f"light_{name}.onnx")
    graph, shapes = model.graph, tensors(model.graph)
    made = []
    for node in [node for node in graph.node if node.op_type == "ConstantOfShape"]:
        shape = numpy_helper.to_array(shapes[node.input[0]])
        if len(shape) > 1:
            array = rng.standard_normal(shape, np.float32) * np.sqrt(2 / np.prod(shape[1:]))
        else:
            array = rng.uniform(0.5, 1.5, shape)
        made.append(numpy_helper.from_array(array.astype(np.float32), node.output[0]))
        graph.node.remove(node)
    graph.initializer.extend(made)
    constants = {tensor.name for tensor in graph.initializer}
    for value in [value for value in graph.input if value.name in constants]:
        graph.input.remove(value)  # or callers may override them
    model.ir_version = 4  # the first in which initializers need not be inputs as well
    return model
