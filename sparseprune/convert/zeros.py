"""Which channels the weights of a network make exactly zero."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from sparseprune.graph.steps import Step
from sparseprune.graph.zeros import Verdict, Zeros


def by_weights(modules: Mapping[str, nn.Module]) -> Verdict:
    """The verdict of ``graph.zeros.propagate`` that reads the layers' parameters.

    A filter gives zeros if its bias is zero and its weights are zero wherever its input is not;
    a BatchNorm if gamma and beta are zero. A zero filter before a BatchNorm with beta != 0 gives
    a constant, which a padded convolution sees differently at the border: such a channel stays.
    """

    def verdict(step: Step, zero_inputs: Zeros) -> Zeros:
        module = modules[step.layer]
        if step.kind == "norm":
            return _zero(module.weight) & _zero(module.bias) if module.affine else _none(step)
        weight = module.weight
        assert isinstance(weight, torch.Tensor)
        silent = _silent(step, module, weight, zero_inputs)
        return silent if module.bias is None else silent & _zero(module.bias)

    return verdict


def _silent(step: Step, module: nn.Module, weight: torch.Tensor, zero_inputs: Zeros) -> Zeros:
    """Filters whose products are all zero."""
    if step.kind == "depthwise":
        return _zero(weight) | np.repeat(zero_inputs, len(weight) // len(zero_inputs))
    if getattr(module, "groups", 1) > 1:
        return _zero(weight)
    return _zero(weight[:, torch.from_numpy(~zero_inputs)])


def _zero(parameter: torch.Tensor | nn.Module) -> Zeros:
    """Rows (axis 0) that hold only zeros."""
    assert isinstance(parameter, torch.Tensor)
    rows = parameter.detach().cpu().reshape(len(parameter), -1)
    zero: Zeros = ~(rows != 0).any(1).numpy()
    return zero


def _none(step: Step) -> Zeros:
    return np.zeros(step.channels, dtype=bool)
