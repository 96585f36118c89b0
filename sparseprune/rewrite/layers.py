"""Which nodes a compact operator can stand for: convolutions and products with a constant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import onnx
from onnx import helper

from sparseprune.rewrite.constants import Constants
from sparseprune.rewrite.shapes import Shape

Window = dict[str, Any]


@dataclass(frozen=True)
class Layer:
    """A convolution or linear layer.

    Attributes:
        node: as it is.
        weight: name of the constant.
        transposed: whether the constant is [K, N]; compact weights are [N, K].
        factor: what multiplies the product.
        bias: name of a constant, or "".
        bias_factor: what multiplies the bias.
        outputs: O or N.
        window: ``strides``, ``pads``, ``dilations`` and ``group`` of a convolution, else empty.
    """

    node: onnx.NodeProto
    weight: str
    outputs: int
    transposed: bool = False
    factor: float = 1.0
    bias: str = ""
    bias_factor: float = 1.0
    window: Window = field(default_factory=dict)


def layer(
    node: onnx.NodeProto, constants: Constants, shapes: Mapping[str, Shape | None]
) -> Layer | None:
    """What ``node`` is if a compact operator can stand for it, else None."""
    if node.domain not in ("", "ai.onnx") or len(node.input) < 2:
        return None
    shape = constants.shape(node.input[1])
    make = {"Conv": _conv, "Gemm": _gemm, "MatMul": _matmul}.get(node.op_type)
    if make is None or shape is None or 0 in shape:
        return None
    found = make(node, shape, shapes.get(node.input[0]))
    return found if found and _bias_fits(found, constants) else None


def _conv(node: onnx.NodeProto, shape: tuple[int, ...], x: Shape | None) -> Layer | None:
    values = _attributes(node)
    rank = len(shape) - 2
    if rank < 1 or list(values.get("kernel_shape", shape[2:])) != list(shape[2:]):
        return None
    window: Window = {
        "strides": list(values.get("strides", [1] * rank)),
        "dilations": list(values.get("dilations", [1] * rank)),
        "group": values.get("group", 1),
    }
    auto = values.get("auto_pad", b"NOTSET").decode()
    pads = list(values.get("pads", [0] * 2 * rank))
    resolved = pads if auto == "NOTSET" else _auto_pads(auto, shape[2:], window, x)
    if resolved is None:
        return None
    window["pads"] = resolved
    return Layer(node, node.input[1], shape[0], bias=_third(node), window=window)


def _auto_pads(
    auto: str, kernel: tuple[int, ...], window: Window, x: Shape | None
) -> list[int] | None:
    """Explicit pads, where they do not depend on a size that is open."""
    if auto == "VALID":
        return [0] * 2 * len(kernel)
    totals = []
    sizes = x[2:] if x is not None and len(x) == len(kernel) + 2 else (None,) * len(kernel)
    axes = zip(sizes, kernel, window["strides"], window["dilations"], strict=True)
    for size, extent, stride, dilation in axes:
        reach = (extent - 1) * dilation
        if stride == 1:
            totals.append(reach)
        elif size is None:
            return None
        else:
            totals.append(max((-(-size // stride) - 1) * stride + reach + 1 - size, 0))
    small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return small + large if auto == "SAME_UPPER" else large + small


def _gemm(node: onnx.NodeProto, shape: tuple[int, ...], x: Shape | None) -> Layer | None:
    values = _attributes(node)
    if values.get("transA", 0) or values.get("alpha", 1.0) == 0 or len(shape) != 2:
        return None
    transposed = not values.get("transB", 0)
    return Layer(
        node,
        node.input[1],
        shape[1] if transposed else shape[0],
        transposed=transposed,
        factor=values.get("alpha", 1.0),
        bias=_third(node),
        bias_factor=values.get("beta", 1.0),
    )


def _matmul(node: onnx.NodeProto, shape: tuple[int, ...], x: Shape | None) -> Layer | None:
    """A vector times a matrix is a vector: the compact operators take rank 2 and more."""
    if len(shape) != 2 or x is None or len(x) < 2:
        return None
    return Layer(node, node.input[1], shape[1], transposed=True)


def _third(node: onnx.NodeProto) -> str:
    return node.input[2] if len(node.input) > 2 else ""


def _bias_fits(found: Layer, constants: Constants) -> bool:
    """It is a constant that is the same for every row of the product."""
    if not found.bias:
        return True
    shape = constants.shape(found.bias)
    if shape is None:
        return False
    if found.window:
        return shape == (found.outputs,)
    return all(extent == 1 for extent in shape[:-1]) and shape[-1:] in (
        *((), (1,)),
        (found.outputs,),
    )


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}
