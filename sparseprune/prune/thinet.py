"""ThiNet: the channels that go are those whose contributions to the next layer cancel best."""

import math
from collections import defaultdict
from collections.abc import Sequence
from operator import itemgetter

import numpy as np
import torch
from torch import nn

from sparseprune.graph import Layer
from sparseprune.prune.accounting import Parameters
from sparseprune.prune.blocks import Block, Numbers
from sparseprune.prune.observe import Evidence
from sparseprune.prune.patches import by_place, patches
from sparseprune.prune.task import Task

# Section 2.7: outputs that are looked at of each layer, at most.
_SAMPLES = 100


def score(parameters: Parameters, task: Task, blocks: Sequence[Block]) -> list[Numbers]:
    """ThiNet (Luo et al., ICCV 2017), as in section 2.7: the rank of a channel in a greedy order.

    A channel joins those that go when it minimally increases the squared sum of what they
    contribute together to sampled outputs of the layer that reads them; of n channels, sqrt(n) join
    per round. What stays is not re-fitted. Of tied channels, the sums of all readers are added,
    each relative to what its outputs are made of as a whole.
    """
    readers = {name for block in blocks for name in block.readers}
    layers = tuple(layer for layer in task.graph.layers if layer.name in readers)
    found = contributions(task.evidence_or_raise(), layers, task.seed)
    return [_ranks(block, found) for block in blocks]


def contributions(evidence: Evidence, layers: tuple[Layer, ...], seed: int) -> dict[str, Numbers]:
    """What each input channel contributes to sampled outputs, [samples, inputs] by layer name.

    At most 100 outputs of a layer are drawn: a filter and a place each, spread over the inputs.
    """
    places_of = {layer.name: number for number, layer in enumerate(layers)}
    some = evidence.first(_SAMPLES)
    each = _SAMPLES // len(some.inputs)
    found: dict[str, list[tuple[int, Numbers]]] = defaultdict(list)

    def visit(image: int, name: str, module: nn.Module, read: torch.Tensor) -> None:
        weight = module.get_parameter("weight").detach()
        inputs = patches(module, read).flatten(0, -2)
        random = np.random.default_rng((seed, places_of[name], image))
        filters = torch.from_numpy(random.integers(len(weight), size=each))
        places = torch.from_numpy(random.integers(len(inputs), size=each))
        terms = by_place(weight)[filters].double() * inputs[places].double()
        sums = terms.reshape(each, -1, weight.shape[1]).sum(1)
        found[name].append((image, sums.cpu().numpy()))

    some.visit(layers, visit)
    # Inputs come in any order; those of a layer that is called twice stay in order.
    return {
        name: np.concatenate([part for _, part in sorted(parts, key=itemgetter(0))])[:_SAMPLES]
        for name, parts in found.items()
    }


def greedy(terms: Numbers) -> list[int]:
    """The order in which channels go, given what they contribute to each sample [samples, n]."""
    count = terms.shape[1]
    at_once = max(1, math.isqrt(count))
    left = np.arange(count)
    together = np.zeros(len(terms))
    order: list[int] = []
    while len(left):
        costs = np.square(together[:, None] + terms[:, left]).sum(0)
        # The last of equals goes first: elsewhere the first of equals stays.
        chosen = np.lexsort((-left, costs))[:at_once]
        together += terms[:, left[chosen]].sum(1)
        order += left[chosen].tolist()
        left = np.delete(left, chosen)
    return order


def _ranks(block: Block, found: dict[str, Numbers]) -> Numbers:
    parts = [np.zeros((1, block.size))]
    for member in block.read:
        terms = block.pool(member, found[member.layer].T).sum(1).T
        size = float(np.square(terms.sum(1)).sum()) ** 0.5
        parts.append(terms / size if size > 0 else terms)
    ranks = np.empty(block.size)
    ranks[greedy(np.concatenate(parts))] = np.arange(block.size)
    return ranks
