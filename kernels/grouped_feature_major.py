"""Grouped-vector sparse linear on feature-major inputs: Y = activation(W X + b), X [K, M].

The M tokens of a feature are neighbours in memory, so single features can be gathered with 16-byte
copies: blocks are V outputs x 1 input, the finest pattern that tensor cores run at full rate. Two
such layers in a row need no transpose between them. Inference only: there is no backward.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

from . import walk
from .checks import check_alike, check_device, check_shape
from .epilogue import (
    check_activation,
    finished,
    reduction,
    rows_to_finish,
    store,
    store_part,
)
from .grouped_weight import GroupedWeight
from .launch import Launch, is_wide, run, upcast
from .tiling import Tiling, tiling
from .walk import own_tile

# Columns of X that may be copied together without a look at where it ends.
ALIGNMENT = 16


def reference(
    x: Tensor,
    weight: GroupedWeight,
    bias: Tensor | None = None,
    *,
    activation: str = "identity",
) -> Tensor:
    """The definition: [K, M] -> [N, M] through the dense weight, in the precision of ``x``."""
    return finished(weight.to_dense().to(x.dtype) @ x, bias, None, activation, channel=0)


def grouped_feature_major(
    x: Tensor,
    weight: GroupedWeight,
    bias: Tensor | None = None,
    *,
    activation: str = "identity",
    tf32: bool = False,
    out: Tensor | None = None,
    tiling: Tiling | None = None,
) -> Tensor:
    """Compute Y = activation(W X + b); sums in float32, rounded once.

    Args:
        x: [K, M] on a CUDA device, float16, bfloat16 or float32 as the weight. It is copied first
            unless its rows are contiguous and begin at multiples of 16 elements, and M is a
            multiple of 16.
        weight: packed [N, K] on the same device; any width, of which 1 is the one to choose.
        bias: [N], same type and device.
        activation: a name of ``epilogue.ACTIVATIONS``; NaN stays NaN.
        tf32: as ``grouped_linear``.
        out: [N, M] to write into, of any strides; every element is written.
        tiling: instead of ``tiling.tiling``; with the same splits, results are the same bits.

    Returns:
        ``out``, or a new tensor [N, M].

    Raises:
        ValueError: devices, types or shapes do not agree, or there is no kernel for the device.
        RuntimeError: an argument asks for a gradient.
    """
    n, k = weight.shape
    if x.ndim != 2 or x.shape[0] != k:
        raise ValueError(f"expected x of shape [{k}, M] as the weight has, got {tuple(x.shape)}")
    check_shape("bias", bias, (n,))
    check_shape("out", out, (n, x.shape[1]))
    check_alike(x, weight=weight.values, bias=bias, out=out)
    check_activation(activation)
    if out is not None:
        check_device(x.device)
        run(plan(x, weight, bias, activation, tf32, out, tiling), x.device)
        return out
    return grouped_feature_major_op(
        *(x, weight.values, weight.pieces, weight.first, weight.order, weight.permutation),
        *(bias, n, weight.width, weight.longest, activation, tf32, list(tiling or ())),
    )


@torch.library.custom_op("sparseprune::grouped_feature_major", mutates_args=())
def grouped_feature_major_op(
    x: Tensor,
    values: Tensor,
    pieces: Tensor,
    first: Tensor,
    order: Tensor,
    permutation: Tensor | None,
    bias: Tensor | None,
    outputs: int,
    width: int,
    longest: int,
    activation: str,
    tf32: bool,
    tiling: Sequence[int],
) -> Tensor:
    """``grouped_feature_major`` as an operator of tensors, for compilers and exporters."""
    check_device(x.device)
    weight = GroupedWeight(
        *(values, pieces, first, order, permutation),
        shape=(outputs, x.shape[0]),
        width=width,
        kept=0,
        longest=longest,
    )
    y = x.new_empty(outputs, x.shape[1])
    run(plan(x, weight, bias, activation, tf32, y, Tiling(*tiling) if tiling else None), x.device)
    return y


@grouped_feature_major_op.register_fake
def _(x, values, pieces, first, order, permutation, bias, outputs, *_):
    return x.new_empty(outputs, x.shape[1])


def plan(
    x: Tensor,
    weight: GroupedWeight,
    bias: Tensor | None,
    activation: str,
    tf32: bool,
    y: Tensor,
    chosen: Tiling | None = None,
) -> list[Launch]:
    """The launches that compute ``y`` [N, M]; copies x if it cannot be read as it lies."""
    m = y.shape[1]
    if m == 0:
        return []
    exact = x.dtype == torch.float32 and not tf32
    chosen = chosen or tiling(m, weight, tensor_cores=not exact)
    x = _aligned(x)
    groups = len(weight.order)
    arguments, constants = rows_to_finish(y.T, bias, None, weight.permutation, activation)
    target = y
    if chosen.splits > 1:
        target = y.new_empty(chosen.splits, m, groups * weight.rows, dtype=torch.float32)
    wide = {"WIDE": is_wide(x, y, target)}
    reading = {
        "x_ptr": x,
        "values_ptr": weight.values,
        "pieces_ptr": weight.pieces,
        "stride_x": x.stride(0),
        "tokens": x.shape[1],
    }
    pattern = {
        "BM": chosen.block_m,
        "V": weight.rows,
        "BK": weight.values.shape[2],
        "KC": weight.width,
        "STAGES": chosen.stages,
        "PARTIAL": chosen.splits > 1,
        "UPCAST": upcast(x.dtype),
        "PRECISION": "tf32" if tf32 else "ieee",
    }
    launch = Launch(
        feature_major_kernel,
        walk.grid(m, weight, chosen),
        arguments | reading | walk.arguments(weight) | {"y_ptr": target},
        constants | pattern | wide,
        chosen.warps,
    )
    return [launch] if target is y else [launch, reduction(target, arguments, constants | wide)]


@triton.jit(do_not_specialize=("groups", "chunk", "steps"))
def feature_major_kernel(
    x_ptr, values_ptr, pieces_ptr, first_ptr, order_ptr, permutation_ptr, bias_ptr, residual_ptr,
    y_ptr,
    stride_x, tokens, groups, chunk, steps,
    M, N, PQ, Q,
    y_b, y_p, y_q, y_n, r_b, r_p, r_q,
    BM: tl.constexpr, V: tl.constexpr, BK: tl.constexpr, KC: tl.constexpr,
    STAGES: tl.constexpr, PARTIAL: tl.constexpr, WIDE: tl.constexpr, UPCAST: tl.constexpr,
    PRECISION: tl.constexpr,
    UNIT: tl.constexpr, HALO: tl.constexpr, ACTIVATION: tl.constexpr,
):  # fmt: skip
    """As ``grouped_kernel``, of x [K, tokens] that is contiguous along M."""
    SLOTS: tl.constexpr = BK // KC
    block, group, start, end = own_tile(
        tl.cdiv(M, BM), groups, chunk, steps, first_ptr, order_ptr, PARTIAL
    )  # fmt: skip
    if WIDE:
        block = block.to(tl.int64)
    m = block * BM + tl.arange(0, BM)
    v = tl.arange(0, V)
    c = tl.arange(0, BK)
    w_ptrs = values_ptr + start.to(tl.int64) * (V * BK) + v[:, None] * BK + c[None, :]  # [V, BK]
    # Read one step ahead, as in ``grouped_kernel``.
    piece_ptrs = pieces_ptr + start * SLOTS + c // KC  # [BK]
    piece = tl.load(piece_ptrs)
    acc = tl.zeros((V, BM), dtype=tl.float32)
    for _ in tl.range(start, end, num_stages=STAGES):
        feature = piece * KC + c % KC  # [BK]
        if WIDE:
            feature = feature.to(tl.int64)
        x_ptrs = x_ptr + (feature * stride_x)[:, None] + m[None, :]  # [BK, BM]
        x = tl.load(x_ptrs, mask=(m < tokens)[None, :], other=0.0)
        values = tl.load(w_ptrs)
        piece_ptrs += SLOTS
        piece = tl.load(piece_ptrs)
        if UPCAST:
            x, values = x.to(tl.float32), values.to(tl.float32)
        acc = tl.dot(values, x, acc, input_precision=PRECISION)
        w_ptrs += V * BK
    n = group * V
    acc = tl.trans(acc)
    if PARTIAL:
        store_part(acc, m, n + v, tl.program_id(1), y_ptr, M, groups * V, WIDE)
    else:
        store(
            acc, m, n, permutation_ptr, bias_ptr, residual_ptr, y_ptr, M, N, PQ, Q,
            y_b, y_p, y_q, y_n, r_b, r_p, r_q, UNIT, HALO, ACTIVATION,
        )  # fmt: skip


def _aligned(x: Tensor) -> Tensor:
    """[K, M'] that allows 16-byte copies, M' a multiple of 16; copies only what is not so."""
    lacking = -x.shape[1] % ALIGNMENT
    if lacking:
        return F.pad(x, (0, lacking))
    aligned = x.data_ptr() % 16 == 0 and (x.shape[0] == 1 or x.stride(0) % ALIGNMENT == 0)
    return x if aligned and x.stride(1) == 1 else x.clone(memory_format=torch.contiguous_format)
