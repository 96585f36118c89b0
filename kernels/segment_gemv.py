"""Sparse linear for 1 to 4 tokens: y = activation(x W^T + b + r), W a ``SegmentWeight``.

So few tokens are bound by reading weights, and x fits the first cache. One program computes BN
outputs on ordinary cores: each thread reads values and places side by side, and gathers x.
Inference only: there is no backward.
"""

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

from .checks import check_alike, check_device, check_shape
from .epilogue import check_activation, finished, reduction, rows_to_finish, store, store_part
from .launch import Launch, run
from .segment_weight import SegmentWeight
from .tiling import MOST_SPLITS, multiprocessors

MOST_TOKENS = 4
# Outputs of a program, and weights that it reads of each at a time: 16 of them a thread.
BLOCK_N, BLOCK_Z = 16, 128
WARPS = 4


def reference(
    x: Tensor,
    weight: SegmentWeight,
    bias: Tensor | None = None,
    residual: Tensor | None = None,
    *,
    activation: str = "identity",
) -> Tensor:
    """The definition: [..., K] -> [..., N] through the dense weight, in the precision of ``x``."""
    y = F.linear(x, weight.to_dense().to(x.dtype))
    return finished(y, bias, residual, activation, channel=-1)


def segment_gemv(
    x: Tensor,
    weight: SegmentWeight,
    bias: Tensor | None = None,
    residual: Tensor | None = None,
    *,
    activation: str = "identity",
    splits: int = 0,
) -> Tensor:
    """Compute y = activation(x W^T + b + r); sums in float32, rounded once.

    Args:
        x: [..., K], 1 to 4 tokens on a CUDA device, float16, bfloat16 or float32 as the weight.
        weight: packed [N, K] on the same device.
        bias: [N], same type and device.
        residual: [..., N], added before the activation.
        activation: a name of ``epilogue.ACTIVATIONS``; NaN stays NaN.
        splits: programs that share a row; 0 chooses by arithmetic. With the same number, results
            are the same bits.

    Returns:
        [..., N].

    Raises:
        ValueError: devices, types or shapes do not agree, there are more tokens, or there is no
            kernel for the device.
        RuntimeError: an argument asks for a gradient.
    """
    n, k = weight.shape
    if x.ndim == 0 or x.shape[-1] != k:
        raise ValueError(f"expected x of shape [..., {k}] as the weight has, got {tuple(x.shape)}")
    tokens = x.shape[:-1].numel()
    if not 1 <= tokens <= MOST_TOKENS:
        raise ValueError(
            f"expected 1 to {MOST_TOKENS} tokens, got {tokens}; use grouped_linear or the dense "
            "layer there"
        )
    check_shape("bias", bias, (n,))
    check_shape("residual", residual, (*x.shape[:-1], n))
    check_alike(x, weight=weight.values, bias=bias, residual=residual)
    check_activation(activation)
    return segment_gemv_op(
        *(x, weight.values, weight.indices, bias, residual),
        *(weight.segment, weight.count, activation, splits),
    )


@torch.library.custom_op("sparseprune::segment_gemv", mutates_args=())
def segment_gemv_op(
    x: Tensor,
    values: Tensor,
    indices: Tensor,
    bias: Tensor | None,
    residual: Tensor | None,
    segment: int,
    count: int,
    activation: str,
    splits: int,
) -> Tensor:
    """``segment_gemv`` as an operator of tensors, which compilers and exporters see through."""
    check_device(x.device)
    weight = SegmentWeight(values, indices, (values.shape[0], x.shape[-1]), segment, count)
    y = x.new_empty(*x.shape[:-1], values.shape[0])
    run(plan(x, weight, bias, residual, activation, y, splits), x.device)
    return y


@segment_gemv_op.register_fake
def _(x, values, *_):
    return x.new_empty(*x.shape[:-1], values.shape[0])


def plan(
    x: Tensor,
    weight: SegmentWeight,
    bias: Tensor | None,
    residual: Tensor | None,
    activation: str,
    y: Tensor,
    splits: int = 0,
) -> list[Launch]:
    """The launches that compute ``y`` [..., N]."""
    n, k = weight.shape
    x, tokens = _token_minor(x.reshape(-1, k))
    m = y.shape[:-1].numel()
    # 16 sums a thread for one token; for more, half of the weights at a time.
    block_z = BLOCK_Z if tokens < MOST_TOKENS else BLOCK_Z // 2
    programs, length = triton.cdiv(n, BLOCK_N), weight.values.shape[1]
    splits = splits or _splits(programs, length // block_z, weight.values.device)
    share = triton.cdiv(triton.cdiv(length, block_z), splits) * block_z
    target = y if splits == 1 else y.new_empty(splits, m, n, dtype=torch.float32)
    arguments, constants = rows_to_finish(
        *(y.view(m, n), bias, None if residual is None else residual.reshape(m, n).contiguous()),
        *(None, activation),
    )
    reading = {
        "x_ptr": x,
        "values_ptr": weight.values,
        "indices_ptr": weight.indices,
        "length": length,
        "stored": weight.stored,
        "share": share,
    }
    pattern = {
        "TOKENS": tokens,
        "COUNT": weight.count,
        "SEGMENT": weight.segment,
        "BN": BLOCK_N,
        "BZ": block_z,
        "PARTIAL": splits > 1,
    }
    launch = Launch(
        segment_gemv_kernel,
        (programs, splits),
        arguments | reading | {"y_ptr": target},
        constants | pattern,
        WARPS,
    )
    if splits == 1:
        return [launch]
    return [launch, reduction(target, arguments, constants | {"WIDE": False})]


@triton.jit
def segment_gemv_kernel(
    x_ptr, values_ptr, indices_ptr, permutation_ptr, bias_ptr, residual_ptr, y_ptr,
    length, stored, share,
    M, N, PQ, Q,
    y_b, y_p, y_q, y_n, r_b, r_p, r_q,
    TOKENS: tl.constexpr, COUNT: tl.constexpr, SEGMENT: tl.constexpr, BN: tl.constexpr,
    BZ: tl.constexpr,
    PARTIAL: tl.constexpr, UNIT: tl.constexpr, HALO: tl.constexpr, ACTIVATION: tl.constexpr,
):  # fmt: skip
    """sum_z values[n, z] x[z / COUNT SEGMENT + indices[n, z], m], z the stored weights of a row.

    x [K, TOKENS], values and indices [N, length], of which ``stored`` are weights. Programs (., i)
    sum ``share`` of them from i share on.
    """
    n = tl.program_id(0) * BN + tl.arange(0, BN)
    m = tl.arange(0, TOKENS)
    z = tl.arange(0, BZ)
    begin = tl.program_id(1) * share
    end = tl.minimum(begin + share, length)
    # Rows beyond N read row 0; they are never stored.
    rows = tl.where(n < N, n, 0).to(tl.int64) * length
    acc = tl.zeros((BN, BZ, TOKENS), dtype=tl.float32)
    for start in tl.range(begin, end, BZ):
        k = start + z
        offsets = rows[:, None] + k[None, :]
        mask = (k < end)[None, :]
        values = tl.load(values_ptr + offsets, mask=mask, other=0.0).to(tl.float32)
        places = tl.load(indices_ptr + offsets, mask=mask, other=0).to(tl.int32)
        columns = places + (k // COUNT * SEGMENT)[None, :]
        x_ptrs = x_ptr + columns[:, :, None] * TOKENS + m[None, None, :]
        # Beyond the last segment there is no x.
        x = tl.load(x_ptrs, mask=(k < stored)[None, :, None], other=0.0).to(tl.float32)
        acc += values[:, :, None] * x
    sums = tl.trans(tl.sum(acc, axis=1))  # [TOKENS, BN]
    if PARTIAL:
        store_part(sums, m, n, tl.program_id(1), y_ptr, M, N, False)
    else:
        store(
            sums, m, n, permutation_ptr, bias_ptr, residual_ptr, y_ptr, M, N, PQ, Q,
            y_b, y_p, y_q, y_n, r_b, r_p, r_q, UNIT, HALO, ACTIVATION,
        )  # fmt: skip


def _token_minor(x: Tensor) -> tuple[Tensor, int]:
    """[K, T] contiguous, T the next power of two: a weight finds its inputs side by side."""
    tokens = triton.next_power_of_2(x.shape[0])
    # F.pad copies even where it adds nothing, which is a launch more for a single token.
    x = x if tokens == x.shape[0] else F.pad(x, (0, 0, 0, tokens - x.shape[0]))
    return x.T.contiguous(), tokens


def _splits(programs: int, steps: int, device: torch.device) -> int:
    """Two programs for each multiprocessor at least, of four steps each at least."""
    wanted = 2 * multiprocessors(device) // programs
    return max(1, min(wanted, steps // 4, MOST_SPLITS))
