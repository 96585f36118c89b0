"""PFP: channels by their sensitivity, as many of each layer as one error bound asks for."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from sparseprune.prune import sensitivity
from sparseprune.prune.accounting import Entries, Parameters
from sparseprune.prune.blocks import Block, Numbers, find
from sparseprune.prune.filters import first, masks, require_reach, rounded
from sparseprune.prune.levels import Counts, nearest
from sparseprune.prune.pruned import Pruned
from sparseprune.prune.sampled import draw, draws, sample_factor
from sparseprune.prune.task import Task

# Section 2.5: the constant of the sample complexity.
_CONSTANT = 3.0
# Between sensitivities, which are quotients in single precision.
_EQUAL = 1e-6
# Of a channel; sums of thousands of numbers below 1 are better than that in double precision.
_ROUNDING = 1e-9
# The error bounds that are looked for, 1e-300 to 1e150 (section 2.5), in steps of 1e-6 decades:
# two channels of a layer differ by less only if their sensitivities are equal to six digits.
_STEPS = 1_000_000
EXPONENTS = range(-300 * _STEPS, 150 * _STEPS + 1)


@dataclass(frozen=True)
class Channels:
    """The channels of a block with what they are worth.

    Attributes:
        sensitivities: largest relative contribution of each over inputs, patches, places of the
            kernel and outputs of all layers that read it; 0 for those that are gone already.
        total: S, the sum of the sensitivities times 2 C ln(8 (P + 1) k / delta).
    """

    sensitivities: Numbers
    total: float

    def needed(self, exponent: int) -> int:
        """Channels that differ among those drawn for a relative error of 10 ^ (exponent / 1e6).

        Draws are ``m = ceil(K (6 + 2 eps) S / eps^2)``, K = 3; on average
        ``ceil(sum of 1 - (1 - p_j)^m)`` of them are different (section 2.5); at least one.
        """
        some = self.sensitivities[self.sensitivities > 0]
        if not len(some):
            return 1
        with np.errstate(over="ignore"):
            error = np.float64(10.0) ** (exponent / _STEPS)
            # Not eps^2, which is zero below 1e-162.
            number = np.ceil(_CONSTANT * (6 / error + 2) * self.total / error)
        # A single channel is drawn for sure; log1p(-1) would be infinite.
        survival = np.log1p(-np.minimum(some / some.sum(), 1 - 1e-16))
        different = -float(np.expm1(number * survival).sum())
        # The first draw always gives one, of which rounding must not make two.
        return max(1, math.ceil(different - _ROUNDING))


#: (sensitivities of the live channels, how many to keep, generator) -> a factor each, 0 if it goes.
Draw = Callable[[Numbers, int, np.random.Generator], Numbers]


def keep_largest(sensitivities: Numbers, kept: int, random: np.random.Generator) -> Numbers:
    """Deterministic PFP: the largest stay as they are; of equals the first."""
    factors: Numbers = first(np.argsort(-sensitivities, kind="stable"), kept).astype(np.float64)
    return factors


def draw_all(sensitivities: Numbers, kept: int, random: np.random.Generator) -> Numbers:
    """PFPRand: drawn in proportion to sensitivity, and re-weighted so that the mean is all."""
    return draw(sensitivities, kept, random)


def draw_rest(sensitivities: Numbers, kept: int, random: np.random.Generator) -> Numbers:
    """PFPTop: those drawn at least once on average stay as they are, the others are drawn."""
    probabilities = sensitivities / sensitivities.sum()
    sure = probabilities >= 1 / draws(probabilities, kept)
    if sure.sum() >= kept:
        return keep_largest(sensitivities, kept, random)
    factors: Numbers = sure.astype(np.float64)
    factors[~sure] = draw(sensitivities[~sure], kept - int(sure.sum()), random)
    return factors


def prune(choose: Draw, parameters: Parameters, task: Task) -> Pruned:
    """Masks without channels that contribute little to whatever reads them (section 2.5).

    One relative error bound for all layers says how many input channels each keeps, so layers
    whose sensitivity is concentrated lose more. It is solved for so that the achieved ratio, after
    the filters that made those channels and all that dies with them are gone, is nearest to the
    target. With ``coupling`` "group", channels that are tied count once, with the largest
    sensitivity any of their readers has.

    Raises:
        InputError: no channels may be pruned, the target cannot be reached; or no evidence.
    """
    blocks = _blocks(parameters, task)
    channels = _channels(task, blocks)

    entries = Entries.of(parameters)

    def counts(exponent: int) -> Counts:
        return tuple(
            rounded(item.needed(exponent), block.size, task.round_to)
            for item, block in zip(channels, blocks, strict=True)
        )

    def attempt(kept: Counts) -> Pruned:
        random = np.random.default_rng(task.seed)
        factors = [
            _factors(item, block, number, lambda worth, kept: choose(worth, kept, random))
            for item, block, number in zip(channels, blocks, kept, strict=True)
        ]
        chosen = Pruned(masks(entries, task, blocks, [factor > 0 for factor in factors]))
        if all(np.isin(factor, (0, 1)).all() for factor in factors):
            return chosen
        return replace(chosen, scales=_scales(parameters, blocks, factors))

    return nearest(EXPONENTS, counts, attempt, entries, task)


def check(parameters: Parameters, task: Task) -> None:
    """Raise what ``prune`` would whatever the sensitivities; needs no evidence."""
    require_reach(_blocks(parameters, task), parameters, task)


def _blocks(parameters: Parameters, task: Task) -> list[Block]:
    return [block for block in find(parameters, task, "read") if block.read]


def _channels(task: Task, blocks: Sequence[Block]) -> list[Channels]:
    readers = {name for block in blocks for name in block.readers}
    layers = {layer.name: layer for layer in task.graph.layers if layer.name in readers}
    found = sensitivity.channel_sensitivities(task.evidence_or_raise(), tuple(layers.values()))
    by_input = {name: values.double().cpu().numpy() for name, values in found.items()}
    result = []
    for block in blocks:
        parts = [block.pool(member, by_input[member.layer]).max(1) for member in block.read]
        largest = np.max(parts, 0)
        # Whatever is all there is of some sum contributes 1, which rounding must not rank.
        values = np.where(block.live, np.where(largest > 1 - _EQUAL, 1, largest), 0.0)
        factor = max(sample_factor(layers[name]) for name in block.readers)
        result.append(Channels(values, factor * float(values.sum())))
    return result


def _factors(
    item: Channels, block: Block, kept: int, choose: Callable[[Numbers, int], Numbers]
) -> Numbers:
    """A factor for each channel of a block; what is dead already is 0 where others are left."""
    factors = np.zeros(block.size)
    some = np.flatnonzero(item.sensitivities > 0)
    if kept >= len(some):
        # Those that contribute nothing to any input fill what rounding leaves.
        factors[block.order(item.sensitivities)[:kept]] = 1
        return factors
    factors[some] = choose(item.sensitivities[some], kept)
    return factors


def _scales(
    parameters: Parameters, blocks: Sequence[Block], factors: Sequence[Numbers]
) -> dict[str, torch.Tensor]:
    """Factors of the weights that read the channels."""
    scales: dict[str, torch.Tensor] = {}
    for block, factor in zip(blocks, factors, strict=True):
        for member in block.read:
            name = f"{member.layer}.weight"
            scale = scales.setdefault(name, torch.ones(parameters[name].shape))
            columns = torch.from_numpy(np.repeat(factor, member.repeat)).float()
            rest = [1] * (scale.ndim - 2)
            scale[:, member.span(block.size)] *= columns.reshape(1, -1, *rest)
    return scales
