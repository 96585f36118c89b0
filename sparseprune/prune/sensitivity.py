"""Relative contributions of weights to what their unit computes: the sensitivity of SiPP."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from sparseprune import _cpu
from sparseprune.graph import Layer
from sparseprune.prune.observe import Evidence

#: (weights [O, K], inputs [K, P], inverse totals [O, P]), all >= 0 -> reduction over P [O, K].
Reduce = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def sensitivities(
    evidence: Evidence, layers: tuple[Layer, ...], reduce: Reduce
) -> dict[str, torch.Tensor]:
    """For every weight of ``layers``, its largest relative contribution over all inputs (2.4).

    The weights of a unit are split by sign; so are inputs that have negative entries, which then
    count as two data points. In patch p of input x, weight j of unit i contributes
    ``g = W_ij a_j / sum_k W_ik a_k``, the sum running over the weights of its sign, or 0 where the
    sum is nothing. ``reduce`` is taken over the patches of an input, then the largest over inputs.

    Returns:
        float32 of each weight's shape, by layer name, from 0 to 1.
    """
    found = {
        layer.name: torch.zeros(layer.shape, device=evidence.inputs.device) for layer in layers
    }

    def visit(name: str, module: nn.Module, read: torch.Tensor) -> None:
        weight = module.get_parameter("weight").detach().flatten(1)
        largest = found[name].view(weight.shape)
        for inputs in _signs(patches(module, read)):
            torch.maximum(largest, contributions(weight, inputs, reduce), out=largest)

    evidence.visit(layers, visit)
    return found


def contributions(weight: torch.Tensor, inputs: torch.Tensor, reduce: Reduce) -> torch.Tensor:
    """Contributions [O, K] of ``weight`` [O, K] on ``inputs`` [K, P], P patches of entries >= 0."""
    result = torch.zeros_like(weight)
    for part in _signs(weight):
        totals = part @ inputs
        inverse = torch.where(totals > torch.finfo(totals.dtype).eps, totals.reciprocal(), 0.0)
        # Entries of the other sign are zero in `part`, and so are what they contribute here.
        torch.maximum(result, reduce(part, inputs, inverse), out=result)
    return result


def mean(weight: torch.Tensor, inputs: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
    """Deterministic SiPP: the mean over patches."""
    return weight * (inverse @ inputs.T) / inputs.shape[1]


def maximum(weight: torch.Tensor, inputs: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
    """Randomised SiPP and PFP: the largest over patches.

    A product of matrices whose terms are compared and not summed; no library has it, so it runs on
    a kernel of ours, on the CPU.
    """
    largest = np.zeros(tuple(weight.shape), np.float32)
    _cpu.largest_product(_rows(inverse.T), _rows(inputs.T), largest)
    return weight * torch.from_numpy(largest).to(weight.device)


def _rows(matrix: torch.Tensor) -> npt.NDArray[np.float32]:
    rows: npt.NDArray[np.float32] = matrix.float().cpu().contiguous().numpy()
    return rows


def patches(module: nn.Module, read: torch.Tensor) -> torch.Tensor:
    """What ``module`` multiplies its weights [O, K] with, given what it reads: [K, P].

    Of a convolution, the patches of one picture [1, C, H, W]; of a linear layer its input vectors
    [..., K].
    """
    if not isinstance(module, nn.Conv2d):
        return read.reshape(-1, read.shape[-1]).T
    if module.padding_mode == "zeros" and not isinstance(module.padding, str):
        padding = module.padding
    else:
        mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
        read = functional.pad(read, module._reversed_padding_repeated_twice, mode=mode)
        padding = (0, 0)
    if module.kernel_size == (1, 1) and module.stride == (1, 1) and padding == (0, 0):
        return read[0].flatten(1)
    unfolded = functional.unfold(
        read,
        (module.kernel_size[0], module.kernel_size[1]),
        (module.dilation[0], module.dilation[1]),
        (padding[0], padding[1]),
        (module.stride[0], module.stride[1]),
    )
    return unfolded[0]


def _signs(values: torch.Tensor) -> Iterator[torch.Tensor]:
    """The positive part, and the negative part as positive numbers, where there is one."""
    yield values.clamp(min=0)
    if bool((values < 0).any()):
        yield (-values).clamp(min=0)
