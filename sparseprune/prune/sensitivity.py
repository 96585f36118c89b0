"""Relative contributions of weights to what their unit computes: the sensitivity of SiPP."""

import math
import threading
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from sparseprune import _cpu
from sparseprune.graph import Layer
from sparseprune.prune.observe import Evidence
from sparseprune.prune.patches import by_channel, by_place, patches

#: (inverse totals [P, R], inputs [P, K], largest [R, K]), all >= 0: raises ``largest``, in place,
#: to a reduction over P of ``inverse_pr * inputs_pk``.
Reduce = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], None]

# Of a layer's contributions are worked on at a time: 1 MB, which a second-level cache holds.
_ENTRIES = 1 << 18
# Below the largest by more than a quotient and a product round, together 3 eps.
_JUST_BELOW = 1 - 4 * torch.finfo(torch.float32).eps


def sensitivities(
    evidence: Evidence, layers: tuple[Layer, ...], reduce: Reduce
) -> dict[str, torch.Tensor]:
    """For every weight of ``layers``, its largest relative contribution over all inputs (2.4).

    The weights of a unit are split by sign; so are inputs that have negative entries, which then
    count as two data points. In patch p of input x, weight j of unit i contributes
    ``g = W_ij a_j / sum_k W_ik a_k``, the sum running over the weights of its sign, or 0 where the
    sum is nothing. ``reduce`` is taken over the patches of an input, then the largest over inputs.

    All layers are seen in one pass over the inputs. Memory: four times the layers' weights, and
    per thread the activations and patches of one input.

    Returns:
        float32 of each weight's shape, by layer name, from 0 to 1.
    """
    trackers = {
        layer.name: Tracker(evidence.network.get_parameter(f"{layer.name}.weight"), reduce)
        for layer in layers
    }
    _track(evidence, layers, trackers)
    return {name: tracker.found() for name, tracker in trackers.items()}


def channel_sensitivities(evidence: Evidence, layers: tuple[Layer, ...]) -> dict[str, torch.Tensor]:
    """For every input channel of ``layers``, the largest of ``sensitivities`` by maximum (2.5).

    Far cheaper than those of all weights: what is sure to be below the largest of its channel is
    not computed. Memory as there.

    Returns:
        float32 [inputs], by layer name, from 0 to 1.
    """
    trackers = {
        layer.name: ChannelTracker(evidence.network.get_parameter(f"{layer.name}.weight"))
        for layer in layers
    }
    _track(evidence, layers, trackers)
    return {name: tracker.by_input() for name, tracker in trackers.items()}


def _track(
    evidence: Evidence, layers: tuple[Layer, ...], trackers: Mapping[str, "Tracker"]
) -> None:
    evidence.visit(layers, lambda image, name, module, read: trackers[name].see(module, read))


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
        whole = by_place(weight.detach()).float()
        # Entries of the other sign are zero in each part, and so are what they contribute.
        self._parts = torch.cat(list(_signs(whole)))
        self._largest = torch.zeros_like(self._parts)
        self._reduce = reduce
        self._one_at_a_time = threading.Lock()

    def see(self, module: nn.Module, read: torch.Tensor) -> torch.Tensor | None:
        """What ``module`` reads of one input; any number of threads may come with one each.

        Returns:
            What it answers, where that costs nothing: totals of both signs are its sums already.
        """
        sums = [self._sums(patches(module, part)) for part in _signs(read)]
        # The sums are in single precision, and a GPU answers faster by itself.
        if read.dtype != torch.float32 or read.device.type != "cpu":
            return None
        answer = sums[0] if len(sums) == 1 else sums[0] - sums[1]
        if isinstance(module.bias, torch.Tensor):
            answer += module.bias
        return answer.permute(2, 0, 1)[None] if isinstance(module, nn.Conv2d) else answer

    def found(self) -> torch.Tensor:
        """The contributions, of the weight's shape."""
        signs = torch.split(self._parts * self._largest, self._shape[0])
        return by_channel(torch.stack(signs).amax(0), self._shape)

    def _sums(self, inputs: torch.Tensor) -> torch.Tensor:
        """The products [..., O] of weights and inputs [..., K] >= 0, noting who contributes."""
        vectors = inputs.flatten(0, -2).float()
        totals = vectors @ self._parts.T
        rows = self._shape[0]
        positive, negative = totals[:, :rows], totals[:, rows:]
        sums = positive - negative if negative.shape[1] else positive.clone()
        inverse = _inverse(totals)
        with self._one_at_a_time:
            self._raise(inverse, vectors)
        return sums.reshape(*inputs.shape[:-1], rows)

    def _raise(self, inverse: torch.Tensor, inputs: torch.Tensor) -> None:
        """Make room for one input's contributions."""
        self._reduce(inverse, inputs, self._largest)


class ChannelTracker(Tracker):
    """The largest of each input channel alone, over all that read it.

    What a weight would have to reach to be the largest of its channel is noted in place of what it
    has reached, after 1, 2, 4, 8... inputs, so that ``maximum`` leaves out all that stays below.
    """

    def __init__(self, weight: torch.Tensor) -> None:
        """Track ``weight`` [O, C, ...]."""
        super().__init__(weight, maximum)
        self._seen = 0

    def by_input(self) -> torch.Tensor:
        """The largest contribution of each input channel."""
        channels = self._shape[1]
        highest = self._parts.new_zeros(channels)
        for weights, largest in self._pieces():
            torch.maximum(highest, (weights * largest).view(-1, channels).amax(0), out=highest)
        return highest

    def _raise(self, inverse: torch.Tensor, inputs: torch.Tensor) -> None:
        super()._raise(inverse, inputs)
        self._seen += 1
        if self._seen & (self._seen - 1) == 0:
            self._note()

    def _note(self) -> None:
        # Never quite the largest, so that the entry that reached it is not overwritten.
        floor = self.by_input() * _JUST_BELOW
        never = torch.finfo(floor.dtype).max
        floor = floor.repeat(self._parts.shape[1] // len(floor))
        for weights, largest in self._pieces():
            # By a weight of 0 nothing is reached.
            needed = (floor / weights).nan_to_num_(nan=never, posinf=never)
            torch.maximum(largest, needed, out=largest)

    def _pieces(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        rows = _rows_at_a_time(self._parts)
        return zip(self._parts.split(rows), self._largest.split(rows), strict=True)


def mean(inverse: torch.Tensor, inputs: torch.Tensor, largest: torch.Tensor) -> None:
    """Deterministic SiPP: the mean over patches."""
    rows = _rows_at_a_time(largest)
    inverse = inverse / len(inputs)
    for piece, part in zip(largest.split(rows), inverse.split(rows, 1), strict=True):
        torch.maximum(piece, part.T @ inputs, out=piece)


def maximum(inverse: torch.Tensor, inputs: torch.Tensor, largest: torch.Tensor) -> None:
    """Randomised SiPP and PFP: the largest over patches.

    A product of matrices whose terms are compared and not summed; no library has it, so it runs on
    a kernel of ours, on the CPU.
    """
    best = largest.cpu()
    _cpu.largest_product(_rows(inverse), _rows(inputs), _rows(best))
    if best is not largest:
        largest.copy_(best)


def _inverse(totals: torch.Tensor) -> torch.Tensor:
    """One over each, in place; 0 for those that are nothing (1 / infinity)."""
    eps = torch.finfo(totals.dtype).eps
    return functional.threshold_(totals, eps, math.inf).reciprocal_()


def _rows(matrix: torch.Tensor) -> npt.NDArray[np.float32]:
    rows: npt.NDArray[np.float32] = matrix.float().cpu().contiguous().numpy()
    return rows


def _rows_at_a_time(matrix: torch.Tensor) -> int:
    # Not few rows, which multiply slowly.
    return max(32, _ENTRIES // max(1, matrix.shape[1]))


def _signs(values: torch.Tensor) -> Iterator[torch.Tensor]:
    """The positive part, and the negative part as positive numbers, where there is one."""
    if not bool(values.min() < 0):
        yield values
        return
    yield values.clamp(min=0)
    yield (-values).clamp(min=0)
