"""What the error analysis needs to know of layers: absolute weights, gains, numbers of terms."""

import copy
from typing import Any

import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.graph import Step


def absolute(module: nn.Module) -> nn.Module:
    """A copy of a Conv2d or Linear with |weight| and no bias."""
    positive = copy.deepcopy(module)
    weight = positive.weight
    assert isinstance(weight, nn.Parameter)
    positive.weight = nn.Parameter(weight.abs(), requires_grad=False)
    positive.register_parameter("bias", None)
    return positive


def terms_per_filter(module: nn.Module) -> torch.Tensor:
    """[outputs]: nonzero weights of each filter, and one for the bias.

    Products with a zero weight are exact zeros and adding them rounds nothing.
    """
    weight = module.weight
    assert isinstance(weight, torch.Tensor)
    return weight.reshape(len(weight), -1).count_nonzero(1).to(weight.dtype) + 1


def gains(module: nn.Module) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Magnitudes of a BatchNorm in eval mode: |gamma| / sqrt(var + eps), |mean|, |beta|; each [C].

    Raises:
        InputError: the layer keeps no running statistics.
    """
    assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    if module.running_mean is None or module.running_var is None:
        raise InputError("expected BatchNorm layers with running statistics, got one without")
    deviation = (module.running_var + module.eps).sqrt()
    mean = module.running_mean.abs()
    if not module.affine:
        return 1 / deviation, mean, torch.zeros_like(mean)
    return module.weight.abs() / deviation, mean, module.bias.abs()


def window(step: Step, modules: dict[str, nn.Module], shape: torch.Size) -> int:
    """At most how many positions one output of an average covers; the input has ``shape``."""
    if step.operation != "avg_pool":
        return torch.Size(shape[2:]).numel()
    node = step.node
    size: Any
    if node.op == "call_module":
        size = modules[str(node.target)].kernel_size
    else:
        size = node.kwargs["kernel_size"] if "kernel_size" in node.kwargs else node.args[1]
    height, width = size if isinstance(size, list | tuple) else (size, size)
    return int(height) * int(width)
