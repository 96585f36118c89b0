"""What a channel is worth to a network: one number for each, the larger the longer kept."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from sparseprune.graph import Member
from sparseprune.prune.accounting import Parameters
from sparseprune.prune.blocks import Block, Numbers
from sparseprune.prune.task import Task

#: For each block, a number per channel.
Score = Callable[[Parameters, Task, Sequence[Block]], list[Numbers]]


def l1(parameters: Parameters, task: Task, blocks: Sequence[Block]) -> list[Numbers]:
    """FT: the l1 norm of the filter; of tied filters, of all their weights together."""
    return [_over_filters(parameters, block, np.abs) for block in blocks]


def l2(parameters: Parameters, task: Task, blocks: Sequence[Block]) -> list[Numbers]:
    """The prune step of soft filter pruning (He et al., IJCAI 2018): the l2 norm (section 2.6)."""
    return [np.sqrt(_over_filters(parameters, block, np.square)) for block in blocks]


def random(parameters: Parameters, task: Task, blocks: Sequence[Block]) -> list[Numbers]:
    """Random channels, the control: uniform numbers, the same for the same seed."""
    generator = np.random.default_rng(task.seed)
    return [generator.random(block.size) for block in blocks]


def taylor(parameters: Parameters, task: Task, blocks: Sequence[Block]) -> list[Numbers]:
    """First-order Taylor for filters: mean over batches of ``(sum over weights of dL/dW * W)^2``.

    Molchanov et al., CVPR 2019, equation 8. The sum runs over a channel's weights, of all layers
    that make it: the loss changes by about that much when the channel goes. Weights alone carry
    it, as everywhere in the study, not the BatchNorm behind them.
    """
    evidence = task.evidence_or_raise()
    totals = [np.zeros(block.size) for block in blocks]
    batches = 0
    for gradients in evidence.gradients(task.layers):
        batches += 1
        changes = {
            f"{name}.weight": gradient * evidence.network.get_parameter(f"{name}.weight").detach()
            for name, gradient in gradients.items()
        }
        for total, block in zip(totals, blocks, strict=True):
            total += np.square(_over_filters(changes, block, lambda values: values))
    return [total / batches for total in totals]


def _over_filters(values: Parameters, block: Block, each: Callable[[Numbers], Numbers]) -> Numbers:
    """Sum of ``each`` value of a channel's filters, of all layers that make it.

    In double precision the order of summation cannot change which of two norms is larger, short of
    ties in the fifteenth digit.
    """
    return sum((_filters(values, block, member, each) for member in block.made), np.zeros(1))


def _filters(
    values: Parameters, block: Block, member: Member, each: Callable[[Numbers], Numbers]
) -> Numbers:
    rows: torch.Tensor = values[f"{member.layer}.weight"].detach().flatten(1).cpu().double()
    sums: Numbers = block.pool(member, each(rows.numpy())).sum((1, 2))
    return sums
