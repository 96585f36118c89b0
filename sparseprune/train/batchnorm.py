"""BatchNorm over the pictures of all workers, on any device.

torch's own SyncBatchNorm runs on GPUs only, and replaces modules; this one lends modules another
``forward`` for as long as a training lasts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
from torch import distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sparseprune.train import workers


@contextmanager
def synchronised(model: nn.Module) -> Iterator[None]:
    """Let BatchNorm in ``model`` see whole batches, if there are several workers."""
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if workers.count() == 1:
        norms = []
    for norm in norms:
        norm.forward = MethodType(_forward, norm)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


def _total(tensor: torch.Tensor) -> torch.Tensor:
    total: torch.Tensor = _Sum.apply(tensor)  # type: ignore[no-untyped-call]
    return total


class _Sum(torch.autograd.Function):
    """Sum over the workers; the losses that depend on it are added, so gradients are too."""

    @staticmethod
    def forward(context: Any, tensor: torch.Tensor) -> torch.Tensor:
        total = tensor.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> torch.Tensor:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total


def _forward(norm: Any, batch: torch.Tensor) -> torch.Tensor:
    """``norm`` on this worker's part [n, C, ...], by statistics of all parts."""
    if not norm.training and norm.running_mean is not None:
        result: torch.Tensor = type(norm).forward(norm, batch)
        return result
    axes = [axis for axis in range(batch.dim()) if axis != 1]
    shape = [1, -1, *[1] * (batch.dim() - 2)]
    wide = batch.float()
    size = batch.new_tensor([batch.numel() // batch.shape[1]], dtype=torch.float32)
    sums = _total(torch.cat([wide.sum(axes), size]))
    mean, count = sums[:-1] / sums[-1], sums[-1].detach()
    centred = wide - mean.reshape(shape)
    # Squares of what is left after the mean: sums of raw squares would cancel.
    variance = _total(centred.square().sum(axes)) / count
    _remember(norm, mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
    normal = centred * torch.rsqrt(variance + norm.eps).reshape(shape)
    if norm.affine:
        normal = normal * norm.weight.reshape(shape) + norm.bias.reshape(shape)
    whole: torch.Tensor = normal.to(batch.dtype)
    return whole


@torch.no_grad()
def _remember(norm: Any, mean: torch.Tensor, variance: torch.Tensor) -> None:
    """Move the running statistics; a momentum of None is the average since the start."""
    if norm.running_mean is None:
        return
    norm.num_batches_tracked += 1
    share = 1 / int(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean, share)
    norm.running_var.lerp_(variance, share)
