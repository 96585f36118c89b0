"""Grouped-vector sparse linear: y = x W^T + b, optionally through a ReLU, W a ``GroupedWeight``.

One program computes BM rows of y for one group of V outputs. It walks the group's steps: gathers
the pieces of x that the step lists, streams the step's [V, BK] weights, and multiplies the two as
dense tiles. Dropped blocks are neither read nor multiplied. Inference only: there is no backward.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

from .grouped_weight import STEP_BYTES, GroupedWeight

# Shared memory of one block on the smallest GPUs served (compute capability 8.6, 8.9, 12.0: 99 KiB;
# 8.0 and 9.0 have more), less 3 KiB that the compiler may want beside the tiles.
SHARED_BYTES = 96 * 1024
# Compiled for 7.5, the loop has no asynchronous copy, no tensor-core instruction, and spills.
OLDEST_CAPABILITY = (8, 0)
# Triton emits 16-byte copies where rows start at multiples of 16 elements and 16 bytes.
ALIGNMENT = 16


class Tiling(NamedTuple):
    """Compile-time choices of one launch."""

    block_m: int
    warps: int
    stages: int


def reference(
    x: Tensor, weight: GroupedWeight, bias: Tensor | None = None, *, relu: bool = False
) -> Tensor:
    """The definition: [..., K] -> [..., N] through the dense weight, in the precision of ``x``."""
    y = F.linear(x, weight.to_dense().to(x.dtype), None if bias is None else bias.to(x.dtype))
    return y.relu() if relu else y


def tiling(m: int, weight: GroupedWeight, *, tensor_cores: bool) -> Tiling:
    """Tile sizes for ``m`` rows of x, by arithmetic: no timing, so every run takes the same."""
    rows = weight.rows
    # 128 rows are 32 for each of four warps. Ordinary cores multiply from registers: there, 128
    # rows take 254 of the 255 a thread can have, half of them leaves room.
    most = 128 if tensor_cores else 64
    block_m = min(most, max(16, triton.next_power_of_2(m)))
    # At most 64 registers of a thread hold sums; the others are for addresses and operands.
    warps = max(4, block_m * rows // (64 * 32))
    # Up to four steps in flight: three are copied while one is multiplied.
    stages = min(4, SHARED_BYTES // ((block_m + rows) * STEP_BYTES))
    return Tiling(block_m, warps, stages)


def grouped_linear(
    x: Tensor,
    weight: GroupedWeight,
    bias: Tensor | None = None,
    *,
    relu: bool = False,
    tf32: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Compute y = x W^T + b, then max(y, 0) if ``relu``; sums in float32, rounded once.

    Args:
        x: [..., K] on a CUDA device, float16 or float32 as the weight. It is copied first unless
            its rows are contiguous and begin at multiples of 16 elements, and K is a multiple of
            16 and of KC.
        weight: packed [N, K] on the same device.
        bias: [N], same type and device.
        relu: apply a ReLU before the result is stored; NaN stays NaN.
        tf32: let float32 products round their factors to 11 significant bits, which tensor cores
            need. Without it float32 is exact to float32 rounding, on the ordinary cores.
        out: [..., N] to write into, its last axis contiguous; every element is written.

    Returns:
        ``out``, or a new tensor [..., N].

    Raises:
        ValueError: devices, types or shapes do not agree, or the GPU is too old.
        RuntimeError: an argument asks for a gradient.
    """
    _check(x, weight, bias)
    n = weight.shape[0]
    y = x.new_empty(*x.shape[:-1], n) if out is None else out
    rows_x, rows_y = _input_rows(x, weight), _output_rows(y, x, n)
    m = rows_x.shape[0]
    if m == 0:
        return y
    tensor_cores = tf32 or x.dtype != torch.float32
    block_m, warps, stages = tiling(m, weight, tensor_cores=tensor_cores)
    grid = (triton.cdiv(m, block_m), len(weight.order))
    # Triton launches on the current device, which need not be the tensors' own.
    with torch.cuda.device_of(x):
        grouped_linear_kernel[grid](
            *(rows_x, weight.values, weight.pieces, weight.first, weight.order, bias, rows_y),
            *(m, n, rows_x.stride(0), rows_y.stride(0)),
            BM=block_m,
            V=weight.rows,
            BK=weight.values.shape[2],
            KC=weight.width,
            RELU=relu,
            PRECISION="tf32" if tf32 else "ieee",
            STAGES=stages,
            num_warps=warps,
            # A product and its sum round once together, which only lowers the error.
            enable_fp_fusion=True,
        )
    return y


@triton.jit
def grouped_linear_kernel(
    x_ptr,
    values_ptr,
    pieces_ptr,
    first_ptr,
    order_ptr,
    bias_ptr,
    y_ptr,
    M,
    N,
    stride_x,
    stride_y,
    BM: tl.constexpr,
    V: tl.constexpr,
    BK: tl.constexpr,
    KC: tl.constexpr,
    RELU: tl.constexpr,
    PRECISION: tl.constexpr,
    STAGES: tl.constexpr,
):
    """y[m, g V + v] = b[g V + v] + sum_{s, c} x[m, pieces[s, c / KC] KC + c % KC] values[s, v, c].

    s runs over the steps of group g, c over the BK columns of a step. x [M, P KC] of P pieces,
    values [S, V, BK], pieces [S + 1, BK / KC], first [G + 1], order [G], bias [N] or None,
    y [M, N].
    """
    SLOTS: tl.constexpr = BK // KC
    group = tl.load(order_ptr + tl.program_id(1))
    start = tl.load(first_ptr + group)
    end = tl.load(first_ptr + group + 1)
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    v = tl.arange(0, V)
    c = tl.arange(0, BK)
    # Rows beyond M read row 0 instead of carrying a mask through the loop; they are never stored.
    x_rows = x_ptr + tl.where(m < M, m, 0).to(tl.int64) * stride_x  # [BM]
    w_ptrs = values_ptr + start.to(tl.int64) * (V * BK) + v[None, :] * BK + c[:, None]  # [BK, V]
    # The index is read one step ahead: copying x then waits for no load of its own step, which is
    # what lets the compiler keep several steps in flight.
    piece_ptrs = pieces_ptr + start * SLOTS + c // KC  # [BK]
    piece = tl.load(piece_ptrs)
    acc = tl.zeros((BM, V), dtype=tl.float32)
    for _ in tl.range(start, end, num_stages=STAGES):
        # KC neighbours share a piece, so the compiler can copy runs of KC inputs, 16 bytes at once.
        column = piece * KC + c % KC  # [BK]
        x = tl.load(x_rows[:, None] + column[None, :])  # [BM, BK]
        w = tl.load(w_ptrs)
        piece_ptrs += SLOTS
        piece = tl.load(piece_ptrs)
        acc = tl.dot(x, w, acc, input_precision=PRECISION)
        w_ptrs += V * BK
    n = group * V + v
    if bias_ptr is not None:
        acc += tl.load(bias_ptr + n, mask=n < N, other=0.0).to(tl.float32)[None, :]
    if RELU:
        acc = tl.maximum(acc, 0.0, propagate_nan=tl.PropagateNan.ALL)
    y_ptrs = y_ptr + m[:, None].to(tl.int64) * stride_y + n[None, :]
    tl.store(y_ptrs, acc.to(y_ptr.dtype.element_ty), mask=(m < M)[:, None] & (n < N)[None, :])


INTERPRETED = not isinstance(grouped_linear_kernel, triton.JITFunction)


def _check(x: Tensor, weight: GroupedWeight, bias: Tensor | None) -> None:
    """All but ``out``: agreement of types, shapes and devices, and no gradient."""
    n, k = weight.shape
    if x.ndim == 0 or x.shape[-1] != k:
        raise ValueError(f"expected x of shape [..., {k}] as the weight has, got {tuple(x.shape)}")
    if bias is not None and bias.shape != (n,):
        raise ValueError(f"expected a bias of shape [{n}], got {tuple(bias.shape)}")
    for name, tensor in (("weight", weight.values), ("bias", bias)):
        if tensor is not None and (tensor.dtype, tensor.device) != (x.dtype, x.device):
            raise ValueError(
                f"expected {name} to be {x.dtype} on {x.device} like x, got {tensor.dtype} on "
                f"{tensor.device}; convert one of them"
            )
    _check_device(x.device, INTERPRETED)
    if torch.is_grad_enabled() and (x.requires_grad or (bias is not None and bias.requires_grad)):
        raise RuntimeError(
            "expected tensors without gradients, as this operation has no backward; "
            "call it under torch.inference_mode()"
        )


def _check_device(device: torch.device, interpreted: bool) -> None:
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        if capability < OLDEST_CAPABILITY:
            raise ValueError(
                "expected a GPU of compute capability 8.0 or newer (Ampere), got "
                f"{'.'.join(map(str, capability))}; use the dense layer there"
            )
    elif not interpreted:
        raise ValueError(
            f"expected tensors on a CUDA device, got {device}; move them there, or run the model "
            "on the CPU with sparseprune's C++ engine"
        )


def _input_rows(x: Tensor, weight: GroupedWeight) -> Tensor:
    """[M, P KC]: rows of whole pieces that allow 16-byte copies; copies only what is not so."""
    k = weight.shape[1]
    rows = x.reshape(-1, k)
    lacking = -k % max(weight.width, ALIGNMENT)
    if lacking:
        # Zeros here instead of a mask in the loop, where it costs the 16-byte copies and spills.
        return F.pad(rows, (0, lacking))
    aligned = rows.stride(0) % ALIGNMENT == 0 and rows.data_ptr() % 16 == 0
    if aligned and rows.stride(1) == 1:
        return rows
    return rows.clone(memory_format=torch.contiguous_format)


def _output_rows(out: Tensor, x: Tensor, n: int) -> Tensor:
    """[M, N] onto the memory of ``out``, which must be what the kernel can address."""
    shape = (*x.shape[:-1], n)
    if out.shape != shape or (out.dtype, out.device) != (x.dtype, x.device):
        raise ValueError(
            f"expected out to be {x.dtype} {shape} on {x.device}, "
            f"got {out.dtype} {tuple(out.shape)} on {out.device}"
        )
    rows = out.flatten(0, -2) if out.ndim > 1 else out[None]
    if rows.data_ptr() != out.data_ptr() or rows.stride(1) != 1:
        raise ValueError(
            f"expected out to have contiguous rows at equal distances, got strides {out.stride()}; "
            "write into a contiguous tensor"
        )
    return rows
