"""Sparse linear for 1 to 4 tokens: y = activation(x W^T + b + r), W a ``SegmentWeight``.

So few tokens are bound by reading weights. One program computes BN outputs on ordinary cores: it
has a part of x in shared memory, where each thread looks up the inputs of the values and places
that it reads side by side. Inference only: there is no backward.
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
from .tiling import MOST_SPLITS, of

MOST_TOKENS = 4
# Inputs that a step has in shared memory: 16 segments at least, so that its weights begin at
# multiples of 16 bytes.
STEP_INPUTS = 4096
# Weights of a step of all outputs of a program: 32 for each of 128 threads. All are on their way
# before the first is looked at, which is what takes them from memory at full rate: 512 programs of
# eight outputs ask for 5 MB at once where 2 MB cover the way.
STEP_WEIGHTS, MOST_OUTPUTS = 4096, 16
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
    x = x.reshape(-1, k).contiguous()
    m = y.shape[:-1].numel()
    inputs = min(STEP_INPUTS, max(weight.segment, triton.next_power_of_2(k)))
    step = triton.next_power_of_2(inputs // weight.segment * weight.count)
    outputs = min(MOST_OUTPUTS, max(1, STEP_WEIGHTS // step))
    programs, steps = triton.cdiv(n, outputs), triton.cdiv(k, inputs)
    splits = splits or _splits(programs, steps, weight.values.device)
    target = y if splits == 1 else y.new_empty(splits, m, n, dtype=torch.float32)
    arguments, constants = rows_to_finish(
        *(y.view(m, n), bias, None if residual is None else residual.reshape(m, n).contiguous()),
        *(None, activation),
    )
    reading = {
        "x_ptr": x,
        "values_ptr": weight.values,
        "indices_ptr": weight.indices,
        "K": k,
        "length": weight.values.shape[1],
        "stored": weight.stored,
        "share": triton.cdiv(steps, splits),
    }
    pattern = {
        "TOKENS": triton.next_power_of_2(m),
        "COUNT": weight.count,
        "SEGMENT": weight.segment,
        "BN": outputs,
        "BK": inputs,
        "BZ": step,
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
    K, length, stored, share,
    M, N, PQ, Q,
    y_b, y_p, y_q, y_n, r_b, r_p, r_q,
    TOKENS: tl.constexpr, COUNT: tl.constexpr, SEGMENT: tl.constexpr, BN: tl.constexpr,
    BK: tl.constexpr, BZ: tl.constexpr,
    PARTIAL: tl.constexpr, UNIT: tl.constexpr, HALO: tl.constexpr, ACTIVATION: tl.constexpr,
):  # fmt: skip
    """sum_z values[n, z] x[m, z / COUNT SEGMENT + indices[n, z]], z the stored weights of a row.

    x [M, K], values and indices [N, length], of which ``stored`` are weights. A step is BK inputs
    and the weights that read them, at most BZ; programs (., i) do ``share`` steps from i share on.
    """
    STEP: tl.constexpr = BK // SEGMENT * COUNT
    first = tl.program_id(0) * BN
    n = first + tl.arange(0, BN)
    m, z, k = tl.arange(0, TOKENS), tl.arange(0, BZ), tl.arange(0, BK)
    start_of_segment = tl.where(z < STEP, z // COUNT * SEGMENT, 0)
    # Rows beyond N read row 0; they are never stored.
    rows = tl.where(n < N, n, 0).to(tl.int64) * length
    sums = tl.zeros((TOKENS, BN), dtype=tl.float32)
    begin = tl.program_id(1) * share
    for step in tl.range(begin, tl.minimum(begin + share, tl.cdiv(K, BK))):
        place = step * STEP + z
        offsets = rows[:, None] + place[None, :]
        mask = ((z < STEP) & (place < length))[None, :]
        indices = tl.load(indices_ptr + offsets, mask=mask, other=0).to(tl.int32)
        values = tl.load(values_ptr + offsets, mask=mask, other=0.0)
        columns = tl.reshape(indices + start_of_segment[None, :], (BN * BZ,))
        # Where there is no weight, an input is looked up that may be NaN.
        inside = ((z < STEP) & (place < stored))[None, :]
        for token in tl.static_range(TOKENS):
            in_x = (step * BK + k < K) & (token < M)
            x = tl.load(x_ptr + token * K + step * BK + k, mask=in_x, other=0.0)
            x = tl.reshape(tl.gather(x, columns, 0), (BN, BZ)).to(tl.float32)
            products = tl.where(inside, values.to(tl.float32) * x, 0.0)
            sums += tl.where((m == token)[:, None], tl.sum(products, axis=1)[None, :], 0.0)
    if PARTIAL:
        store_part(sums, m, n, tl.program_id(1), y_ptr, M, N, False)
    else:
        store(
            sums, m, first, permutation_ptr, bias_ptr, residual_ptr, y_ptr, M, N, PQ, Q,
            y_b, y_p, y_q, y_n, r_b, r_p, r_q, UNIT, HALO, ACTIVATION,
        )  # fmt: skip


def _splits(programs: int, steps: int, device: torch.device) -> int:
    """Two programs for each multiprocessor at least, where there are steps to share."""
    wanted = 2 * of(device).multiprocessors // programs
    return max(1, min(wanted, steps, MOST_SPLITS))
