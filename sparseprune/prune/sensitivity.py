"""Relative contributions of weights to what their unit computes: the sensitivity of SiPP."""

import threading
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from sparseprune import _cpu
from sparseprune.graph import Layer
from sparseprune.prune.observe import Evidence

#: (inverse totals [P, R], inputs [P, K], largest [R, K]), all >= 0: raises ``largest``, in place,
#: to a reduction over P of ``inverse_pr * inputs_pk``.
Reduce = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], None]


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
    trackers = {
        layer.name: Tracker(evidence.network.get_parameter(f"{layer.name}.weight"), reduce)
        for layer in layers
    }

    def visit(image: int, name: str, module: nn.Module, read: torch.Tensor) -> None:
        trackers[name].see(patches(module, read))

    evidence.visit(layers, visit)
    return {name: tracker.found() for name, tracker in trackers.items()}


class Tracker:
    """The largest relative contributions of one layer's weights so far.

    A weight is the same for all inputs, so the largest of ``W_ij a_j / total`` is ``W_ij`` times
    the largest of ``a_j / total``: the weights are split and multiplied once, not once per input,
    which for the last layers of a ResNet-50 would take longer than the contributions.
    """

    def __init__(self, weight: torch.Tensor, reduce: Reduce) -> None:
        """Track ``weight`` [O, ...]."""
        self._shape = weight.shape
        # The kernel computes in single precision; of networks in 16 bits, quotients of what their
        # products are rounded to would rank rounding.
        whole = weight.detach().flatten(1).float()
        # Entries of the other sign are zero in each part, and so are what they contribute.
        self._parts = torch.cat(list(_signs(whole)))
        self._largest = torch.zeros_like(self._parts)
        self._reduce = reduce
        self._one_at_a_time = threading.Lock()

    def see(self, patches: torch.Tensor) -> None:
        """One input, as patches [K, P]; any number of threads may come with one each."""
        for inputs in _signs(patches.T.float().contiguous()):
            totals = inputs @ self._parts.T
            some = totals > torch.finfo(totals.dtype).eps
            inverse = totals.reciprocal_().masked_fill_(~some, 0)
            with self._one_at_a_time:
                self._reduce(inverse, inputs, self._largest)

    def found(self) -> torch.Tensor:
        """The contributions, of the weight's shape."""
        rows = self._shape[0]
        signs = torch.split(self._parts * self._largest, rows)
        return torch.stack(signs).amax(0).reshape(self._shape)


def mean(inverse: torch.Tensor, inputs: torch.Tensor, largest: torch.Tensor) -> None:
    """Deterministic SiPP: the mean over patches."""
    torch.maximum(largest, (inverse / len(inputs)).T @ inputs, out=largest)


def maximum(inverse: torch.Tensor, inputs: torch.Tensor, largest: torch.Tensor) -> None:
    """Randomised SiPP and PFP: the largest over patches.

    A product of matrices whose terms are compared and not summed; no library has it, so it runs on
    a kernel of ours, on the CPU.
    """
    best = largest.cpu()
    _cpu.largest_product(_rows(inverse), _rows(inputs), _rows(best))
    largest.copy_(best)


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
    if not bool(values.min() < 0):
        yield values
        return
    yield values.clamp(min=0)
    yield (-values).clamp(min=0)
