"""What torch has for the same layers: cuBLAS, cuDNN, its block-sparse kernel, 2:4 sparsity."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from peers import MissingError
from torch import Tensor

from gpu.contest import Attempt, Entry, Prepared
from gpu.layers import Conv, Linear
from gpu.patterns import Pattern, balanced
from gpu.place import Place

BLOCK = 64


def cublas(layer: Linear, place: Place) -> Entry:
    """``F.linear`` and then the activation, which torch runs as a second kernel."""

    def call(weight: Tensor) -> Tensor:
        y = F.linear(layer.x, weight, layer.bias)
        return y.relu_() if layer.activation == "relu" else y

    return _dense("cublas", layer, place, call)


def cublas_fused(layer: Linear, place: Place) -> Entry:
    """ReLU in cuBLASLt's epilogue, which torch has no public name for."""

    def call(weight: Tensor) -> Tensor:
        return torch._addmm_activation(layer.bias, layer.x, weight.t(), use_gelu=False)

    return _dense("cublas fused", layer, place, call)


def cublas_vector(layer: Linear, place: Place) -> Entry:
    """The product of a matrix and a vector, which one token is."""

    def call(weight: Tensor) -> Tensor:
        return torch.addmv(layer.bias, weight, layer.x[0])[None]

    return _dense("cublas vector", layer, place, call)


def cudnn(layer: Conv, place: Place) -> Entry:
    """``F.conv2d`` of its fastest algorithm, and then ReLU."""
    window = (layer.stride, layer.padding)
    return _dense(
        *("cudnn", layer, place),
        lambda weight: F.conv2d(layer.x, weight, layer.bias, *window).relu_(),
    )


def cudnn_fused(layer: Conv, place: Place) -> Entry:
    """Convolution, bias and ReLU in one."""
    window = ((layer.stride,) * 2, (layer.padding,) * 2, (1, 1), 1)

    def call(weight: Tensor) -> Tensor:
        _needs_gpu(place)
        return torch.cudnn_convolution_relu(layer.x, weight, layer.bias, *window)

    return _dense("cudnn fused", layer, place, call)


def _dense(
    peer: str, layer: Linear | Conv, place: Place, call: Callable[[Tensor], Tensor]
) -> Entry:
    def prepare() -> Prepared:
        copies = place.rotated(layer.weight, layer.weight.nbytes)
        work = layer.work(layer.weight.numel(), layer.weight.nbytes)
        attempt = Attempt([partial(call, weight) for weight in copies], work=work)
        return Prepared(layer.expected(layer.weight), [attempt])

    return Entry(peer, "0", prepare, dense=True)


def bsr(layer: Linear, percent: int, place: Place, *, stages: int | None = None) -> Entry:
    """torch's block-sparse product in blocks of 64, then ReLU: as it is, or with more stages.

    It has tables of parameters for an A100 only; elsewhere it copies nothing ahead (one stage).
    """
    name = "torch bsr" if stages is None else f"torch bsr {stages} stages"
    return Entry(name, f"{percent}", partial(_bsr, layer, percent, place, stages))


def _bsr(layer: Linear, percent: int, place: Place, stages: int | None) -> Prepared:
    _needs_gpu(place)
    from torch.sparse._triton_ops import bsr_dense_addmm

    pruned = layer.weight * balanced(layer.weight, Pattern(BLOCK, BLOCK), percent)
    # Tensors of this layout cannot be copied by copy.deepcopy.
    copies = [pruned.to_sparse_bsr(BLOCK) for _ in range(place.copies(_packed(pruned)))]
    bias = layer.bias[:, None].expand(layer.outputs, layer.tokens).contiguous()
    tiles = max(layer.tokens // BLOCK, 1)
    meta = {"SPLIT_N": tiles, "GROUP_SIZE_ROW": 4, "num_stages": stages, "num_warps": 4}

    def call(weight: Tensor) -> Tensor:
        y = bsr_dense_addmm(bias, weight, layer.x.t(), meta=meta if stages else None)
        return (y.relu_() if layer.activation == "relu" else y).t()

    attempt = Attempt([partial(call, weight) for weight in copies])
    return Prepared(layer.expected(pruned), [attempt])


def semi_structured(layer: Linear, library: str, place: Place) -> Entry:
    """2:4 sparsity by ``library``, "cusparselt" or "cutlass"; torch fuses the bias at most."""
    prepare = partial(_semi_structured, layer, library, place)
    return Entry(f"torch 2:4 {library}", "50", prepare)


def _semi_structured(layer: Linear, library: str, place: Place) -> Prepared:
    _needs_gpu(place)
    from torch import sparse

    kind = getattr(sparse, f"SparseSemiStructuredTensor{library.upper()}")
    parts = layer.weight.float().abs().view(layer.outputs, -1, 4)
    kept = torch.zeros_like(parts, dtype=torch.bool).scatter_(2, parts.topk(2).indices, True)
    pruned = layer.weight * kept.view_as(layer.weight)
    count = place.copies(_packed(pruned))
    copies = [kind.from_dense(pruned) for _ in range(count)]

    def call(weight: Tensor) -> Tensor:
        y = F.linear(layer.x, weight, layer.bias)
        return y.relu_() if layer.activation == "relu" else y

    attempt = Attempt([partial(call, weight) for weight in copies])
    return Prepared(layer.expected(pruned), [attempt])


def _packed(pruned: Tensor) -> int:
    """Bytes of the weights that are kept, at least one."""
    return max(1, int(pruned.count_nonzero()) * pruned.element_size())


def _needs_gpu(place: Place) -> None:
    if place.dry:
        raise MissingError("needs a CUDA device")
