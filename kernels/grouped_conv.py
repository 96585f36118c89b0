"""Grouped-vector sparse convolution: y = activation(conv(x, W) + b + r), W a ``GroupedConvWeight``.

Implicit GEMM over NHWC, which torch calls channels last: no patch is ever copied. Inference only:
there is no backward.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import check_alike, check_device, check_shape
from .epilogue import check_activation, finished
from .grouped_conv_weight import GroupedConvWeight
from .grouped_plan import COPY_BYTES, Product, Taps, execute
from .grouped_weight import GroupedWeight
from .tiling import Tiling

Pair = int | tuple[int, int]
# The kernel keeps a bit for each tap of a pixel where it masks.
MASKED_TAPS = 32
MOST_HALO = 3


def reference(
    x: Tensor,
    weight: GroupedConvWeight,
    bias: Tensor | None = None,
    residual: Tensor | None = None,
    *,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    activation: str = "identity",
) -> Tensor:
    """The definition: [B, C, H, W] -> [B, N, P, Q] through the dense weight, as precise as x."""
    y = F.conv2d(x, weight.to_dense().to(x.dtype), None, stride, padding, dilation)
    return finished(y, bias, residual, activation, channel=1)


def grouped_conv(
    x: Tensor,
    weight: GroupedConvWeight,
    bias: Tensor | None = None,
    residual: Tensor | None = None,
    *,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    activation: str = "identity",
    halo: int = 0,
    out_halo: int = 0,
    tf32: bool = False,
    tiling: Tiling | None = None,
) -> Tensor:
    """Convolve NHWC images; sums in float32, rounded once.

    Args:
        x: [B, C, H + 2 halo, W + 2 halo] on a CUDA device, float16, bfloat16 or float32 as the
            weight. It is copied first unless it is channels last, its pixels begin at multiples of
            16 bytes and C is a multiple of KC.
        weight: packed [N, C, R, S] on the same device.
        bias: [N], same type and device.
        residual: [B, N, P, Q], added before the activation.
        stride: of both axes, or of each.
        padding: zeros around H x W.
        dilation: distance of taps.
        activation: a name of ``epilogue.ACTIVATIONS``; NaN stays NaN.
        halo: pixels around each image of x that are zero. From ``padding`` on, the kernel needs no
            masks, a third of its instructions.
        out_halo: pixels of zeros to write around each image of y, at most 3, for the next layer.
        tf32: as ``grouped_linear``.
        tiling: instead of ``tiling.tiling``; with the same splits, results are the same bits.

    Returns:
        [B, N, P + 2 out_halo, Q + 2 out_halo], channels last.

    Raises:
        ValueError: devices, types or shapes do not agree, or there is no kernel for the device.
        RuntimeError: an argument asks for a gradient.
    """
    top, left = _pair(padding)
    # Zeros that lie in memory need no other treatment than pixels.
    padding = (top - halo, left - halo)
    stride, dilation = _pair(stride), _pair(dilation)
    _check(x, weight, bias, residual, stride, padding, dilation, out_halo)
    check_activation(activation)
    matrix = weight.matrix
    return grouped_conv_op(
        *(x, matrix.values, weight.places, matrix.first, matrix.order),
        *(matrix.permutation, bias, residual, weight.shape[0], weight.kernel),
        *(matrix.width, matrix.longest, stride, padding, dilation, out_halo, activation, tf32),
        list(tiling or ()),
    )


@torch.library.custom_op("sparseprune::grouped_conv", mutates_args=())
def grouped_conv_op(
    x: Tensor,
    values: Tensor,
    places: Tensor,
    first: Tensor,
    order: Tensor,
    permutation: Tensor | None,
    bias: Tensor | None,
    residual: Tensor | None,
    outputs: int,
    kernel: Sequence[int],
    width: int,
    longest: int,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    out_halo: int,
    activation: str,
    tf32: bool,
    tiling: Sequence[int],
) -> Tensor:
    """``grouped_conv`` as an operator of tensors; padding may be negative, where x is read less."""
    check_device(x.device)
    pieces_of_tap = -(-x.shape[1] // width)
    matrix = GroupedWeight(
        *(values, places, first, order, permutation),
        shape=(outputs, kernel[0] * kernel[1] * pieces_of_tap * width),
        width=width,
        kept=0,
        longest=longest,
    )
    weight = GroupedConvWeight(matrix, places, x.shape[1], (kernel[0], kernel[1]))
    y = _output(x, outputs, kernel, stride, padding, dilation, out_halo)
    product = describe(
        *(x, weight, bias, residual, _pair(stride), _pair(padding), _pair(dilation), y),
        *(out_halo, activation, tf32),
    )
    execute(product, Tiling(*tiling) if tiling else None)
    return y


@grouped_conv_op.register_fake
def _(
    x, values, places, first, order, permutation, bias, residual, outputs, kernel, width,
    longest, stride, padding, dilation, out_halo, *_,
):  # fmt: skip
    return _output(x, outputs, kernel, stride, padding, dilation, out_halo)


def describe(
    x: Tensor,
    weight: GroupedConvWeight,
    bias: Tensor | None,
    residual: Tensor | None,
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    y: Tensor,
    out_halo: int,
    activation: str,
    tf32: bool,
) -> Product:
    """The convolution as a product; copies x if it cannot be read as it lies."""
    height, columns = weight.kernel
    masked = max(padding) > 0
    if masked and height * columns > MASKED_TAPS:
        top, left = max(0, padding[0]), max(0, padding[1])
        x = F.pad(x, (left, left, top, top))
        padding, masked = (padding[0] - top, padding[1] - left), False
    inner = slice(out_halo, -out_halo or None)
    if residual is not None:
        # A view of an image with a halo is read where it lies.
        if residual.stride(1) != 1:
            residual = residual.contiguous(memory_format=torch.channels_last)
        residual = residual.permute(0, 2, 3, 1)
    return Product(
        x=_pixels(x, weight.matrix.width),
        weight=weight.matrix,
        places=weight.places,
        bias=bias,
        residual=residual,
        y=y.permute(0, 2, 3, 1)[:, inner, inner],
        taps=Taps(height, columns, stride, *padding, dilation, masked),
        halo=out_halo,
        activation=activation,
        tf32=tf32,
    )


def _pixels(x: Tensor, width: int) -> Tensor:
    """[B, H, W, C'] of whole pieces that allow 16-byte copies; copies only what is not so."""
    pixels = x.permute(0, 2, 3, 1)
    lacking = -pixels.shape[3] % width
    if lacking:
        # Zeros here instead of a mask in the loop, where it costs the 16-byte copies.
        return F.pad(pixels, (0, lacking)).contiguous()
    walked = zip(pixels.shape[:3], pixels.stride(), strict=False)
    steps = [stride * x.element_size() for size, stride in walked if size > 1]
    aligned = pixels.data_ptr() % COPY_BYTES == 0 and not any(step % COPY_BYTES for step in steps)
    if aligned and (pixels.stride(3) == 1 or pixels.shape[3] == 1):
        return pixels
    return pixels.clone(memory_format=torch.contiguous_format)


def _output(
    x: Tensor,
    outputs: int,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    out_halo: int,
) -> Tensor:
    """An empty [B, N, P + 2 out_halo, Q + 2 out_halo], channels last."""
    size = [
        output_size(x.shape[2 + i], kernel[i], stride[i], padding[i], dilation[i]) + 2 * out_halo
        for i in range(2)
    ]
    return x.new_empty(x.shape[0], *size, outputs).permute(0, 3, 1, 2)


def output_size(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Pixels of y along an axis of ``size`` pixels of x."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _pair(value: Pair | Sequence[int]) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    first, second = value
    return first, second


def _check(
    x: Tensor,
    weight: GroupedConvWeight,
    bias: Tensor | None,
    residual: Tensor | None,
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    out_halo: int,
) -> None:
    n, channels, *kernel = weight.shape
    if x.ndim != 4 or x.shape[1] != channels:
        raise ValueError(
            f"expected x of shape [B, {channels}, H, W] as the weight has, got {tuple(x.shape)}"
        )
    if min(*stride, *dilation) < 1 or not 0 <= out_halo <= MOST_HALO:
        raise ValueError(
            f"expected positive strides and dilations and an out_halo of 0 to {MOST_HALO}, got "
            f"{stride}, {dilation} and {out_halo}"
        )
    axes = zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    size = tuple(output_size(*axis) for axis in axes)
    if min(size) < 1:
        raise ValueError(
            f"expected images that the taps fit in, got {tuple(x.shape[2:])} with {kernel} taps, "
            f"dilation {dilation} and padding {padding} beside the halo"
        )
    check_shape("bias", bias, (n,))
    check_shape("residual", residual, (x.shape[0], n, *size))
    check_alike(x, weight=weight.matrix.values, bias=bias, residual=residual)
