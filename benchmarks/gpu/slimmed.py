"""A residual network with half of its FLOPs, as filter pruning leaves it."""

import copy

import torch
from networks import Network
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sparseprune.convert import slim

# Channels that stay are a multiple of this: 16 bytes, which tensor cores and copies ask for.
ROUND_TO = 8


def halved(network: Network) -> nn.Module:
    """The network with the most channels between the convolutions of its blocks that fit in half.

    All blocks keep the same share of them, and what they add to one another stays whole.
    """
    dense = network.build()
    picture = torch.zeros(1, *network.shape)
    most = flops(dense, picture) // 2
    # Of hundredths: 1 always fits, all never do.
    fits, too_many = 1, 100
    best = None
    while too_many - fits > 1:
        percent = (fits + too_many) // 2
        found = narrowed(dense, picture, percent)
        if flops(found, picture) <= most:
            fits, best = percent, found
        else:
            too_many = percent
    return narrowed(dense, picture, fits) if best is None else best


def narrowed(dense: nn.Module, picture: torch.Tensor, percent: int) -> nn.Module:
    """With so many of the channels inside of each block, to a multiple of ``ROUND_TO``."""
    pruned = copy.deepcopy(dense)
    with torch.no_grad():
        for block in pruned.modules():
            for number in (1, 2):
                if hasattr(block, f"conv{number + 1}"):
                    conv, norm = getattr(block, f"conv{number}"), getattr(block, f"bn{number}")
                    kept = conv.out_channels * percent // 100
                    for tensor in (conv.weight, norm.weight, norm.bias):
                        tensor[max(1, kept // ROUND_TO * ROUND_TO) :] = 0
    return slim(pruned, picture, round_to=ROUND_TO).model


def flops(model: nn.Module, picture: torch.Tensor) -> int:
    """Of one picture, by shapes alone."""
    model = copy.deepcopy(model).to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(picture.to("meta"))
    return int(counter.get_total_flops())
