"""Grouped-vector sparse linear: y = activation(x W^T + b + r), W a ``GroupedWeight``.

The kernel is ``grouped_kernel``, which a linear layer is a 1x1 convolution for. Inference only:
there is no backward.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import check_alike, check_device, check_shape
from .epilogue import check_activation, finished
from .grouped_plan import COPY_BYTES, Product, Taps, execute
from .grouped_weight import GroupedWeight
from .tiling import Tiling


def reference(
    x: Tensor,
    weight: GroupedWeight,
    bias: Tensor | None = None,
    residual: Tensor | None = None,
    *,
    activation: str = "identity",
) -> Tensor:
    """The definition: [..., K] -> [..., N] through the dense weight, in the precision of ``x``."""
    y = F.linear(x, weight.to_dense().to(x.dtype))
    return finished(y, bias, residual, activation, channel=-1)


def grouped_linear(
    x: Tensor,
    weight: GroupedWeight,
    bias: Tensor | None = None,
    residual: Tensor | None = None,
    *,
    activation: str = "identity",
    tf32: bool = False,
    out: Tensor | None = None,
    tiling: Tiling | None = None,
) -> Tensor:
    """Compute y = activation(x W^T + b + r); sums in float32, rounded once.

    Args:
        x: [..., K] on a CUDA device, float16, bfloat16 or float32 as the weight. It is copied first
            unless its rows are contiguous and begin at multiples of 16 bytes, and K is a multiple
            of KC.
        weight: packed [N, K] on the same device.
        bias: [N], same type and device.
        residual: [..., N], added before the activation.
        activation: a name of ``epilogue.ACTIVATIONS``; NaN stays NaN.
        tf32: let float32 products round their factors to 11 significant bits, which tensor cores
            need. Without it float32 is exact to float32 rounding, on the ordinary cores.
        out: [..., N] to write into, its last axis contiguous; every element is written.
        tiling: instead of ``tiling.tiling``; with the same splits, results are the same bits.

    Returns:
        ``out``, or a new tensor [..., N].

    Raises:
        ValueError: devices, types or shapes do not agree, or there is no kernel for the device.
        RuntimeError: an argument asks for a gradient.
    """
    _check(x, weight, bias, residual)
    check_activation(activation)
    if out is not None:
        check_device(x.device)
        execute(describe(x, weight, bias, residual, activation, tf32, out), tiling)
        return out
    return grouped_linear_op(
        *(x, weight.values, weight.pieces, weight.first, weight.order, weight.permutation),
        *(bias, residual, weight.shape[0], weight.width, weight.longest, activation, tf32),
        list(tiling or ()),
    )


@torch.library.custom_op("sparseprune::grouped_linear", mutates_args=())
def grouped_linear_op(
    x: Tensor,
    values: Tensor,
    pieces: Tensor,
    first: Tensor,
    order: Tensor,
    permutation: Tensor | None,
    bias: Tensor | None,
    residual: Tensor | None,
    outputs: int,
    width: int,
    longest: int,
    activation: str,
    tf32: bool,
    tiling: Sequence[int],
) -> Tensor:
    """``grouped_linear`` as an operator of tensors, which compilers and exporters see through."""
    check_device(x.device)
    weight = GroupedWeight(
        *(values, pieces, first, order, permutation),
        shape=(outputs, x.shape[-1]),
        width=width,
        kept=0,
        longest=longest,
    )
    y = x.new_empty(*x.shape[:-1], outputs)
    product = describe(x, weight, bias, residual, activation, tf32, y)
    execute(product, Tiling(*tiling) if tiling else None)
    return y


@grouped_linear_op.register_fake
def _(x, values, pieces, first, order, permutation, bias, residual, outputs, *_):
    return x.new_empty(*x.shape[:-1], outputs)


def describe(
    x: Tensor,
    weight: GroupedWeight,
    bias: Tensor | None,
    residual: Tensor | None,
    activation: str,
    tf32: bool,
    out: Tensor,
) -> Product:
    """The layer as a product written into ``out``; copies x if it cannot be read as it lies."""
    return Product(
        x=_input_rows(x, weight)[:, None, None],
        weight=weight,
        places=weight.pieces,
        bias=bias,
        residual=None if residual is None else _rows(residual.contiguous(), "residual"),
        y=_rows(out, "out", (*x.shape[:-1], weight.shape[0]), x),
        taps=Taps(),
        halo=0,
        activation=activation,
        tf32=tf32,
    )


def _check(x: Tensor, weight: GroupedWeight, bias: Tensor | None, residual: Tensor | None) -> None:
    """All but ``out``: agreement of types, shapes and devices, and no gradient."""
    n, k = weight.shape
    if x.ndim == 0 or x.shape[-1] != k:
        raise ValueError(f"expected x of shape [..., {k}] as the weight has, got {tuple(x.shape)}")
    if weight.width == 1:
        raise ValueError(
            "expected pieces of 16 bytes or more, got a weight packed with width=1; give "
            "feature-major inputs to grouped_feature_major, or pack with a larger width"
        )
    check_shape("bias", bias, (n,))
    check_shape("residual", residual, (*x.shape[:-1], n))
    check_alike(x, weight=weight.values, bias=bias, residual=residual)


def _input_rows(x: Tensor, weight: GroupedWeight) -> Tensor:
    """[M, P KC]: rows of whole pieces that allow 16-byte copies; copies only what is not so."""
    k = weight.shape[1]
    rows = x.reshape(-1, k)
    lacking = -k % weight.width
    if lacking:
        # Zeros here instead of a mask in the loop, where it costs the 16-byte copies and spills.
        return F.pad(rows, (0, lacking))
    stride = rows.stride(0) * x.element_size() if len(rows) > 1 else 0
    aligned = stride % COPY_BYTES == 0 and rows.data_ptr() % COPY_BYTES == 0
    if aligned and rows.stride(1) == 1:
        return rows
    return rows.clone(memory_format=torch.contiguous_format)


def _rows(
    tensor: Tensor, name: str, shape: tuple[int, ...] | None = None, like: Tensor | None = None
) -> Tensor:
    """[M, 1, 1, N] onto the memory of ``tensor``, which must be what the kernel can address."""
    if like is not None and (
        tensor.shape != shape or (tensor.dtype, tensor.device) != (like.dtype, like.device)
    ):
        raise ValueError(
            f"expected {name} to be {like.dtype} {shape} on {like.device}, "
            f"got {tensor.dtype} {tuple(tensor.shape)} on {tensor.device}"
        )
    rows = tensor.flatten(0, -2) if tensor.ndim > 1 else tensor[None]
    if rows.data_ptr() != tensor.data_ptr() or rows.stride(1) != 1:
        raise ValueError(
            f"expected {name} to have contiguous rows at equal distances, got strides "
            f"{tensor.stride()}; write into a contiguous tensor"
        )
    return rows[:, None, None]
