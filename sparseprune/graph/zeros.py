"""Which channels are exactly zero at every point of a network, given which layers zero theirs."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from torch import fx

from sparseprune.graph.steps import Step

Zeros = npt.NDArray[np.bool_]  # [channels] of one tensor, True where all its values are zero
# (step, zeros of its input) -> zeros of its output, for a step whose layer has parameters.
Verdict = Callable[[Step, Zeros], Zeros]


def propagate(steps: Sequence[Step], verdict: Verdict) -> dict[fx.Node, Zeros]:
    """Zero channels of every tensor; a False may still be zero, a True surely is.

    Pools, sums and concatenations of zeros are zeros; a product is zero where a factor is; an
    activation keeps zeros when f(0) = 0; of unknown operations nothing is assumed.
    """
    zeros: dict[fx.Node, Zeros] = {}
    for step in steps:
        zeros[step.node] = _output(step, [zeros[node] for node in step.inputs], verdict)
    return zeros


def read(step: Step, source: Zeros) -> Zeros:
    """Which entries that a layer's step reads are zero, given the zero channels of its input."""
    return np.zeros(step.across, dtype=bool) if step.across else source


def _output(step: Step, sources: list[Zeros], verdict: Verdict) -> Zeros:
    channels = step.channels
    if step.kind in ("input", "unknown", "shape", "output") or not step.keeps_zero:
        return np.zeros(channels, dtype=bool)
    if step.layer:
        return verdict(step, read(step, sources[0]))
    if step.kind == "add":
        return sources[0] & sources[1]
    if step.kind == "mul":
        return sources[0] | sources[1]
    if step.kind == "cat":
        return np.concatenate(sources)
    if step.kind == "flatten":
        return np.repeat(sources[0], channels // len(sources[0]))
    return sources[0]
