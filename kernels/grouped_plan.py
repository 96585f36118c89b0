"""From the memory of a product to its launches: one kernel, or its parts and their sum."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from . import walk
from .epilogue import reduction
from .grouped_kernel import grouped_kernel
from .grouped_weight import GroupedWeight
from .launch import Launch, is_wide, run, upcast
from .tiling import Tiling, chosen

# The largest asynchronous copy; what is read with it starts at multiples of it.
COPY_BYTES = 16


@dataclass(frozen=True)
class Taps:
    """Which pixels of x [B, H, W, C] a pixel of y reads: [height, width] of them.

    ``top`` and ``left`` may be negative, where taps begin inside of x.
    """

    height: int = 1
    width: int = 1
    stride: tuple[int, int] = (1, 1)
    top: int = 0
    left: int = 0
    dilation: tuple[int, int] = (1, 1)
    masked: bool = False


@dataclass(frozen=True)
class Product:
    """y [B, P, Q, N] from x [B, H, W, C], views of any memory whose last axis is contiguous.

    Attributes:
        x: the addresses of its pixels are multiples of 16 bytes; C is whole pieces.
        weight: packed [N, taps C].
        places: the taps and pieces that the kernel reads, see ``grouped_kernel``.
        y: the pixels to write, without the ``halo`` pixels around them that are set to zero.
    """

    x: Tensor
    weight: GroupedWeight
    places: Tensor
    bias: Tensor | None
    residual: Tensor | None
    y: Tensor
    taps: Taps
    halo: int
    activation: str
    tf32: bool


def plan(product: Product, tiling: Tiling | None = None) -> list[Launch]:
    """The launches that compute ``product``; none if it is empty."""
    weight, y = product.weight, product.y
    m = y.shape[:3].numel()
    if m == 0 or y.shape[3] == 0:
        return []
    exact = product.x.dtype == torch.float32 and not product.tf32
    tiling = tiling or chosen(m, weight, tensor_cores=not exact)
    groups = len(weight.order)
    arguments, constants = _finish(product)
    # The strides of the result mean nothing to programs that compute parts of it.
    target = y
    if tiling.splits > 1:
        target = y.new_empty(tiling.splits, m, groups * weight.rows, dtype=torch.float32)
    wide = is_wide(product.x, y, target, product.residual)
    launch = Launch(
        grouped_kernel,
        walk.grid(m, weight, tiling),
        _reading(product) | walk.arguments(weight) | arguments | {"y_ptr": target},
        {
            "BM": tiling.block_m,
            "STAGES": tiling.stages,
            "PARTIAL": tiling.splits > 1,
            "WIDE": wide,
            "UPCAST": upcast(product.x.dtype),
            "PRECISION": "tf32" if product.tf32 else "ieee",
            **_pattern(product),
            **constants,
        },
        tiling.warps,
    )
    if tiling.splits == 1:
        return [launch]
    return [launch, reduction(target, arguments, constants | {"WIDE": wide})]


def execute(product: Product, tiling: Tiling | None = None) -> None:
    """Compute ``product`` on its own device."""
    run(plan(product, tiling), product.y.device)


def _reading(product: Product) -> dict[str, Any]:
    """Arguments for x and the weight."""
    x, taps, weight = product.x, product.taps, product.weight
    unit = COPY_BYTES // x.element_size()
    # An axis of one element may have any stride and is never walked along.
    x_b, x_h, x_w = (
        stride // unit if size > 1 else 0
        for size, stride in zip(x.shape[:3], x.stride(), strict=False)
    )
    return {
        "x_ptr": x,
        "x_first": -(taps.top * x_h + taps.left * x_w),
        "values_ptr": weight.values,
        "places_ptr": product.places,
        "x_b": x_b,
        "x_p": x_h * taps.stride[0],
        "x_q": x_w * taps.stride[1],
        "tap_h": x_h * taps.dilation[0],
        "tap_w": x_w * taps.dilation[1],
        "H": x.shape[1],
        "W": x.shape[2],
        "top": taps.top,
        "left": taps.left,
        "stride_h": taps.stride[0],
        "stride_w": taps.stride[1],
        "dilation_h": taps.dilation[0],
        "dilation_w": taps.dilation[1],
    }


def _pattern(product: Product) -> dict[str, Any]:
    """Constants of the weight and its taps."""
    weight, taps = product.weight, product.taps
    return {
        "V": weight.rows,
        "BK": weight.values.shape[2],
        "KC": weight.width,
        "X_UNIT": COPY_BYTES // weight.values.element_size(),
        "TAPS_W": taps.width,
        "TAPS": taps.height * taps.width,
        "MASKED": taps.masked,
    }


def _finish(product: Product) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments and constants of ``epilogue.store``."""
    y, residual = product.y, product.residual
    n = y.shape[3]
    strides = [*y.stride()[:3], *([0] * 3 if residual is None else residual.stride()[:3])]
    unit = COPY_BYTES // y.element_size()
    written = [tensor for tensor in (y, residual) if tensor is not None]
    addresses = [tensor.data_ptr() % COPY_BYTES for tensor in written]
    # What does not divide is stored an element at a time.
    unit = 1 if any(number % unit for number in (n, *strides)) or any(addresses) else unit
    names = ("y_b", "y_p", "y_q", "r_b", "r_p", "r_q")
    arguments = {
        "permutation_ptr": product.weight.permutation,
        "bias_ptr": product.bias,
        "residual_ptr": residual,
        "y_ptr": y,
        "M": y.shape[:3].numel(),
        "N": n // unit,
        "PQ": y.shape[1] * y.shape[2],
        "Q": y.shape[2],
        "y_n": 1,
        **{name: stride // unit for name, stride in zip(names, strides, strict=True)},
    }
    return arguments, {"UNIT": unit, "HALO": product.halo, "ACTIVATION": product.activation}
