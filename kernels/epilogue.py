"""What follows a product before it is stored: bias, residual, activation, rows back in order.

y = activation(sum + bias + residual), in float32, rounded once. A product that was split is added
up here first, part by part in a fixed order.
"""

from typing import Any

import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

from .launch import Launch

ACTIVATIONS = ("identity", "relu", "relu6", "silu", "hardswish", "sigmoid", "gelu")
# Sums that one program adds up: 8 for each of 128 threads.
REDUCED_ROWS, REDUCED_COLUMNS = 16, 64


def check_activation(name: str) -> None:
    """Refuse names that the kernels do not know."""
    if name not in ACTIVATIONS:
        raise ValueError(f"expected activation to be one of {', '.join(ACTIVATIONS)}, got {name}")


def finished(
    y: Tensor, bias: Tensor | None, residual: Tensor | None, activation: str, channel: int
) -> Tensor:
    """The definition, with the bias along axis ``channel``."""
    if bias is not None:
        y = y + bias.to(y.dtype).view([-1 if i == channel % y.ndim else 1 for i in range(y.ndim)])
    if residual is not None:
        y = y + residual.to(y.dtype)
    return y if activation == "identity" else getattr(F, activation)(y)


@triton.jit
def activate(x, ACTIVATION: tl.constexpr):
    """Of float32, any shape; NaN stays NaN."""
    if ACTIVATION == "relu":
        x = tl.maximum(x, 0.0, propagate_nan=tl.PropagateNan.ALL)
    elif ACTIVATION == "relu6":
        x = tl.maximum(x, 0.0, propagate_nan=tl.PropagateNan.ALL)
        x = tl.minimum(x, 6.0, propagate_nan=tl.PropagateNan.ALL)
    elif ACTIVATION == "silu":
        x = x / (1.0 + tl.exp(-x))
    elif ACTIVATION == "hardswish":
        gate = tl.maximum(x + 3.0, 0.0, propagate_nan=tl.PropagateNan.ALL)
        x = x * tl.minimum(gate, 6.0, propagate_nan=tl.PropagateNan.ALL) / 6.0
    elif ACTIVATION == "sigmoid":
        x = 1.0 / (1.0 + tl.exp(-x))
    elif ACTIVATION == "gelu":
        x = 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))
    return x


@triton.jit
def pixel(m, PQ, Q):
    """Image, row and column of pixel m of images of PQ pixels, Q a row."""
    image = m // PQ
    p = (m - image * PQ) // Q
    return image, p, m - image * PQ - p * Q


@triton.jit
def store(
    acc, m, n,
    permutation_ptr, bias_ptr, residual_ptr, y_ptr,
    M, N, PQ, Q,
    y_b, y_p, y_q, y_n, r_b, r_p, r_q,
    UNIT: tl.constexpr, HALO: tl.constexpr, ACTIVATION: tl.constexpr,
):  # fmt: skip
    """Finish and store acc [BM, BN], rows m of the product and packed rows n on of the weight.

    Row m is pixel (m % PQ // Q, m % Q) of image m // PQ. N and the strides are in UNIT elements,
    from which the compiler knows how much it may store at once; y_n, between outputs, is not.
    ``HALO`` pixels around each image are set to zero by the pixels nearest to them: each once, and
    without another launch.
    """
    HALF: tl.constexpr = acc.shape[1] // 2
    if acc.shape[0] * HALF >= 128 * 128:
        # The sums alone take half of the registers: a residual for all of them would spill.
        low, high = acc.reshape((acc.shape[0], 2, HALF)).permute((0, 2, 1)).split()
        store_at_once(
            low, m, n, permutation_ptr, bias_ptr, residual_ptr, y_ptr, M, N, PQ, Q,
            y_b, y_p, y_q, y_n, r_b, r_p, r_q, UNIT, HALO, ACTIVATION,
        )  # fmt: skip
        store_at_once(
            high, m, n + HALF, permutation_ptr, bias_ptr, residual_ptr, y_ptr, M, N, PQ, Q,
            y_b, y_p, y_q, y_n, r_b, r_p, r_q, UNIT, HALO, ACTIVATION,
        )  # fmt: skip
    else:
        store_at_once(
            acc, m, n, permutation_ptr, bias_ptr, residual_ptr, y_ptr, M, N, PQ, Q,
            y_b, y_p, y_q, y_n, r_b, r_p, r_q, UNIT, HALO, ACTIVATION,
        )  # fmt: skip


@triton.jit
def store_at_once(
    acc, m, n,
    permutation_ptr, bias_ptr, residual_ptr, y_ptr,
    M, N, PQ, Q,
    y_b, y_p, y_q, y_n, r_b, r_p, r_q,
    UNIT: tl.constexpr, HALO: tl.constexpr, ACTIVATION: tl.constexpr,
):  # fmt: skip
    """``store`` of so many sums as leave room for what is done with them."""
    n = n + tl.arange(0, acc.shape[1])
    in_m, in_n = m < M, n < N * UNIT
    image, p, q = pixel(m, PQ, Q)
    if permutation_ptr is not None:
        n = tl.load(permutation_ptr + n, mask=in_n, other=0)
    mask = in_m[:, None] & in_n[None, :]
    if bias_ptr is not None:
        acc += tl.load(bias_ptr + n, mask=in_n, other=0.0).to(tl.float32)[None, :]
    if residual_ptr is not None:
        r_rows = (image * r_b + p * r_p + q * r_q) * UNIT
        r = tl.load(residual_ptr + r_rows[:, None] + n[None, :], mask=mask, other=0.0)
        acc += r.to(tl.float32)
    acc = activate(acc, ACTIVATION)
    y_ptrs = (
        y_ptr
        + ((image * y_b + p * y_p + q * y_q) * UNIT)[:, None]
        + (n.to(tl.int64) * y_n)[None, :]
    )
    tl.store(y_ptrs, acc.to(y_ptr.dtype.element_ty), mask=mask)
    if HALO > 0:
        SIDE: tl.constexpr = 2 * HALO + 1
        for cell in tl.static_range(SIDE * SIDE):
            clear(
                y_ptrs, mask, p, q, PQ // Q, Q, y_p * UNIT, y_q * UNIT,
                cell // SIDE - HALO, cell % SIDE - HALO,
            )  # fmt: skip


@triton.jit
def store_part(acc, m, n, part, parts_ptr, M, columns, WIDE: tl.constexpr):
    """Store acc [BM, BN] in parts [., M, columns] float32, for ``reduce_kernel`` to finish."""
    if WIDE:
        part = part.to(tl.int64)
    ptrs = parts_ptr + ((part * M + m) * columns)[:, None] + n[None, :]
    tl.store(ptrs, acc, mask=(m < M)[:, None] & (n < columns)[None, :])


@triton.jit
def clear(
    y_ptrs, mask, p, q, P, Q, y_p, y_q, DOWN: tl.constexpr, RIGHT: tl.constexpr
):  # fmt: skip
    """Zero the pixel ``DOWN`` and ``RIGHT`` of each pixel that lies at the border there."""
    if DOWN != 0 or RIGHT != 0:
        edge = p >= 0
        if DOWN != 0:
            edge = edge & (p == (0 if DOWN < 0 else P - 1))
        if RIGHT != 0:
            edge = edge & (q == (0 if RIGHT < 0 else Q - 1))
        tl.store(y_ptrs + (DOWN * y_p + RIGHT * y_q), 0.0, mask=mask & edge[:, None])


@triton.jit(do_not_specialize=("splits",))
def reduce_kernel(
    parts_ptr, permutation_ptr, bias_ptr, residual_ptr, y_ptr,
    splits, columns,
    M, N, PQ, Q,
    y_b, y_p, y_q, y_n, r_b, r_p, r_q,
    BM: tl.constexpr, BN: tl.constexpr, WIDE: tl.constexpr, UNIT: tl.constexpr,
    HALO: tl.constexpr, ACTIVATION: tl.constexpr,
):  # fmt: skip
    """Add parts [splits, M, columns] float32 in order, then ``store``."""
    block = tl.program_id(0)
    if WIDE:
        block = block.to(tl.int64)
    m = block * BM + tl.arange(0, BM)
    first = tl.program_id(1) * BN
    n = first + tl.arange(0, BN)
    mask = (m < M)[:, None] & (n < columns)[None, :]
    ptrs = parts_ptr + (m * columns)[:, None] + n[None, :]
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for _ in tl.range(splits):
        acc += tl.load(ptrs, mask=mask, other=0.0)
        ptrs += M * columns
    store(
        acc, m, first, permutation_ptr, bias_ptr, residual_ptr, y_ptr, M, N, PQ, Q,
        y_b, y_p, y_q, y_n, r_b, r_p, r_q, UNIT, HALO, ACTIVATION,
    )  # fmt: skip


def rows_to_finish(
    y: Tensor,
    bias: Tensor | None,
    residual: Tensor | None,
    permutation: Tensor | None,
    activation: str,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments and constants of ``store`` for y [M, N] of any strides: images of one pixel each.

    A residual [M, N] must have contiguous rows.
    """
    arguments = {
        "permutation_ptr": permutation,
        "bias_ptr": bias,
        "residual_ptr": residual,
        "y_ptr": y,
        "M": y.shape[0],
        "N": y.shape[1],
        "y_b": y.stride(0),
        "y_n": y.stride(1),
        "r_b": 0 if residual is None else residual.stride(0),
    }
    arguments |= dict.fromkeys(("PQ", "Q"), 1) | dict.fromkeys(("y_p", "y_q", "r_p", "r_q"), 0)
    return arguments, {"UNIT": 1, "HALO": 0, "ACTIVATION": activation}


def reduction(parts: Tensor, arguments: dict[str, Any], constants: dict[str, Any]) -> Launch:
    """The launch that adds ``parts`` [splits, M, columns] up and finishes them."""
    splits, m, columns = parts.shape
    grid = (triton.cdiv(m, REDUCED_ROWS), triton.cdiv(columns, REDUCED_COLUMNS))
    return Launch(
        reduce_kernel,
        grid,
        {"parts_ptr": parts, "splits": splits, "columns": columns, **arguments},
        {"BM": REDUCED_ROWS, "BN": REDUCED_COLUMNS, **constants},
        warps=4,
    )
