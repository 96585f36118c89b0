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

#: (totals [N P, 2 R] of the positive and of the negative weights, vectors [N P, K], both >= 0,
#: weights [R, K], largest [R, K], N inputs): raises ``largest``, in place, to a reduction over the
#: P of each input of vectors by totals of each weight's sign. May overwrite the totals.
Reduce = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, int], None]

# Inputs at a time: the last layers of a ResNet-50 have 49 places and weights that fill the caches,
# so that a single picture would spend its time on reading them.
_TOGETHER = 4
# Entries of a layer at a time where all are gone over, 4 MB: temporary copies of the largest layers
# would be most of the memory.
_ENTRIES = 1 << 20
# A total that is no more counts as nothing: its quotients would be rounding.
_NOTHING = torch.finfo(torch.float32).eps
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

    All layers are seen in one pass over the inputs. Memory: three times the layers' weights, and
    per thread the activations and patches of four inputs.

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
    def visit(image: int, name: str, module: nn.Module, read: torch.Tensor) -> torch.Tensor | None:
        return trackers[name].see(module, read)

    evidence.visit(layers, visit, _TOGETHER)


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
        # Entries of the other sign are zero in each part.
        self._parts = torch.cat([whole.clamp(min=0), (-whole).clamp(min=0)])
        # In order of its own, whatever the weight's: it is written in place.
        self._largest = whole.new_zeros(whole.shape)
        self._reduce = reduce
        self._one_at_a_time = threading.Lock()

    def see(self, module: nn.Module, read: torch.Tensor) -> torch.Tensor | None:
        """What ``module`` reads of some inputs; any number of threads may come with one each.

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
        return answer.permute(0, 3, 1, 2) if isinstance(module, nn.Conv2d) else answer

    def found(self) -> torch.Tensor:
        """The contributions, of the weight's shape."""
        positive, negative = self._parts.chunk(2)
        return by_channel((positive + negative) * self._largest, self._shape)

    def _sums(self, inputs: torch.Tensor) -> torch.Tensor:
        """The products [..., O] of weights and inputs [..., K] >= 0, noting who contributes."""
        vectors = inputs.flatten(0, -2).float()
        totals = vectors @ self._parts.T
        rows = self._shape[0]
        sums = totals[:, :rows] - totals[:, rows:]
        with self._one_at_a_time:
            self._reduce(totals, vectors, self._parts[:rows], self._largest, len(inputs))
        return sums.reshape(*inputs.shape[:-1], rows)


class ChannelTracker(Tracker):
    """The largest of each input channel alone, over all that read it.

    What a weight would have to reach to be the largest of its channel is noted in place of what it
    has reached, after 4, 8, 16, 32... inputs, so that ``maximum`` leaves out all that stays below.
    """

    def __init__(self, weight: torch.Tensor) -> None:
        """Track ``weight`` [O, C, ...]."""
        super().__init__(weight, self._raise)
        self._seen = 0

    def by_input(self) -> torch.Tensor:
        """The largest contribution of each input channel."""
        channels = self._shape[1]
        highest = self._parts.new_zeros(channels)
        for weights, largest in self._pieces():
            torch.maximum(highest, (weights * largest).view(-1, channels).amax(0), out=highest)
        return highest

    def _raise(
        self,
        totals: torch.Tensor,
        vectors: torch.Tensor,
        weights: torch.Tensor,
        largest: torch.Tensor,
        count: int,
    ) -> None:
        maximum(totals, vectors, weights, largest, count)
        self._seen += 1
        if self._seen & (self._seen - 1) == 0:
            self._note()

    def _note(self) -> None:
        # Never quite the largest, so that the entry that reached it is not overwritten.
        floor = self.by_input() * _JUST_BELOW
        never = torch.finfo(floor.dtype).max
        floor = floor.repeat(self._largest.shape[1] // len(floor))
        for weights, largest in self._pieces():
            # By a weight of 0 nothing is reached.
            needed = (floor / weights).nan_to_num_(nan=never, posinf=never)
            torch.maximum(largest, needed, out=largest)

    def _pieces(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        rows = max(1, _ENTRIES // max(1, self._largest.shape[1]))
        signs = self._parts.chunk(2)
        pieces = (torch.split(matrix, rows) for matrix in (*signs, self._largest))
        for positive, negative, largest in zip(*pieces, strict=True):
            yield positive + negative, largest


def mean(
    totals: torch.Tensor,
    vectors: torch.Tensor,
    weights: torch.Tensor,
    largest: torch.Tensor,
    count: int,
) -> None:
    """Deterministic SiPP: the mean over patches."""
    if largest.device.type == "cpu":
        read, best = _rows(vectors), _rows(largest)
        _cpu.largest_mean(_rows(totals), read, _rows(weights), best, count, _NOTHING)
        return
    inverse = _inverse(totals) / (len(vectors) // count)
    for part, seen in zip(inverse.chunk(count), vectors.chunk(count), strict=True):
        positive, negative = (part.T @ seen).chunk(2)
        torch.maximum(largest, torch.where(weights > 0, positive, negative), out=largest)


def maximum(
    totals: torch.Tensor,
    vectors: torch.Tensor,
    weights: torch.Tensor,
    largest: torch.Tensor,
    _count: int,
) -> None:
    """Randomised SiPP and PFP: the largest over patches, and so over those of all inputs alike.

    A product of matrices whose terms are compared and not summed; no library has it, so it runs on
    a kernel of ours, on the CPU.
    """
    best = largest.cpu()
    _cpu.largest_product(_rows(_inverse(totals)), _rows(vectors), _rows(weights), _rows(best))
    if best is not largest:
        largest.copy_(best)


def _inverse(totals: torch.Tensor) -> torch.Tensor:
    """One over each, in place; 0 for those that are nothing (1 / infinity)."""
    return functional.threshold(totals, _NOTHING, math.inf, inplace=True).reciprocal_()


def _rows(matrix: torch.Tensor) -> npt.NDArray[np.float32]:
    rows: npt.NDArray[np.float32] = matrix.float().cpu().contiguous().numpy()
    return rows


def _signs(values: torch.Tensor) -> Iterator[torch.Tensor]:
    """The positive part, and the negative part as positive numbers, where there is one."""
    if not bool(values.min() < 0):
        yield values
        return
    yield values.clamp(min=0)
    yield (-values).clamp(min=0)
