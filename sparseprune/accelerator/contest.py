"""The fastest right way to compute one layer, found by trying."""

import copy
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from math import ceil, sqrt
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sparseprune.accelerator.candidates import BASELINE, Candidate, baseline, candidates
from sparseprune.accelerator.gate import ends
from sparseprune.accelerator.layer import Layer
from sparseprune.accelerator.roofline import Bound, Ceilings, bound
from sparseprune.accelerator.timing import Call, Round, Timer
from sparseprune.errors import first_line

# Images or tokens that are held against float64.
_CHECKED = 4
# What a candidate must be faster by at least, whatever the noise of this contest.
_MARGIN = 0.02
# Calls of a round, at least. They take turns on copies of a module, as its weights are not in the
# cache when the network comes back to it: more bytes than any GPU's second level holds, in at most
# so many copies.
_CALLS, _COPIES, _COLD_BYTES = 4, 16, 160e6
_AGAIN = "dense again"
# Characters of a reason that is not ours.
_LONGEST = 200


@dataclass
class Decision:
    """What was found out about a layer.

    Attributes:
        module: the one to run.
        seconds: a call of each candidate that was right, ``dense`` among them.
        refused: the others, and why.
        bound: None where nothing was measured.
    """

    layer: Layer
    module: nn.Module
    choice: str = BASELINE
    why: str = ""
    x_shape: tuple[int, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    bound: Bound | None = None


def contest(
    layer: Layer,
    x: Tensor,
    residual: Tensor | None,
    timer: Timer,
    ceilings: Ceilings,
    *,
    tf32: bool = False,
) -> Decision:
    """Try all ways to compute ``layer`` on ``x`` [B, ...]; never slower than dense.

    A candidate that fails, or whose answer differs from the exact one by more than rounding
    explains, is not timed.
    """
    found, refused = candidates(layer, x, tf32=tf32)
    dense = baseline(layer).build()
    decision = Decision(layer, dense, refused=refused, x_shape=tuple(x.shape))
    decision.bound = bound(layer, x, ceilings)
    copies = _copies(layer)
    rounds = {
        name: timer.prepare(_calls(dense, copies, x, residual)) for name in (BASELINE, _AGAIN)
    }
    few = None if residual is None else ends(residual, _CHECKED)
    exact = layer.exact(ends(x, _CHECKED), few)
    modules = {BASELINE: dense}
    for candidate in found:
        entry = _Entry(candidate, layer, x, residual, copies)
        tried = _tried(entry, exact, timer, tf32=tf32)
        if isinstance(tried, str):
            refused[candidate.name] = tried
        else:
            modules[candidate.name], rounds[candidate.name] = tried
    _choose(decision, modules, timer.race(rounds))
    return decision


class _Entry(NamedTuple):
    """A candidate with what it computes."""

    candidate: Candidate
    layer: Layer
    x: Tensor
    residual: Tensor | None
    copies: int


def _tried(
    entry: _Entry, exact: Tensor, timer: Timer, *, tf32: bool
) -> tuple[nn.Module, Round] | str:
    """The module of a candidate that is right here and its round; or why there is none."""
    candidate, layer, x, residual, copies = entry
    try:
        module = candidate.build()
        # What a kernel leaves out then shows: the memory it is given is likely this.
        size = (layer.positions(x), layer.weight.shape[0])
        torch.full(size, torch.nan, dtype=x.dtype, device=x.device)
        y = module(x, residual)
        if not y.isfinite().all():
            return "left outputs that are not finite"
        y = ends(y, _CHECKED)
        if y.shape != exact.shape:
            return f"gave shape {tuple(y.shape)}, not {tuple(exact.shape)}"
        apart, limit = _apart(y, exact), _limit(layer, exact, x.dtype, tf32)
        if not apart <= limit:  # written so that NaN is refused
            return f"wrong by {apart:.2g}, where rounding allows {limit:.2g}"
        return module, timer.prepare(_calls(module, copies, x, residual))
    except Exception as error:  # compilers and libraries raise anything
        # Some list all they know after the first sentence.
        return textwrap.shorten(first_line(error).partition(". ")[0], _LONGEST, placeholder="...")


def _apart(y: Tensor, exact: Tensor) -> float:
    return float((y.double() - exact).abs().max()) if y.numel() else 0.0


def _limit(layer: Layer, exact: Tensor, dtype: torch.dtype, tf32: bool) -> float:
    """Two roundings of the result, and a random walk of those of a float32 sum."""
    largest = float(exact.abs().max()) if exact.numel() else 0.0
    summed = 2 * sqrt(layer.weight[0].numel()) * torch.finfo(torch.float32).eps
    # TF32 keeps 10 bits of each factor.
    stored = 2**-10 if tf32 else torch.finfo(dtype).eps
    return largest * (2 * stored + summed)


def _copies(layer: Layer) -> int:
    weights = layer.weight.numel() * layer.weight.itemsize
    return min(_COPIES, ceil(_COLD_BYTES / max(1, weights)))


def _calls(module: nn.Module, copies: int, x: Tensor, residual: Tensor | None) -> Sequence[Call]:
    modules = [module, *(copy.deepcopy(module) for _ in range(copies - 1))]
    return [partial(modules[i % copies], x, residual) for i in range(max(_CALLS, copies))]


def _choose(decision: Decision, modules: dict[str, nn.Module], seconds: dict[str, float]) -> None:
    """The fastest, if it is faster than dense by more than two times of dense are apart."""
    first, second = seconds[BASELINE], seconds.pop(_AGAIN)
    noise = abs(first - second) / min(first, second)
    seconds[BASELINE] = dense = min(first, second)
    decision.seconds = seconds
    best = min(seconds, key=lambda name: seconds[name])
    gain = dense / seconds[best]
    others = [name for name in seconds if name != BASELINE]
    if best != BASELINE and gain > 1 + max(_MARGIN, noise):
        decision.choice, decision.module = best, modules[best]
        decision.why = f"{gain:.2f}x as fast as dense{_headroom(decision)}"
    elif others:
        nearest = min(others, key=lambda name: seconds[name])
        ratio = seconds[nearest] / dense
        decision.why = f"the next best, {nearest}, takes {ratio:.2f}x as long{_headroom(decision)}"
    else:
        decision.why = "no other way can be run" + _headroom(decision)


def _headroom(decision: Decision) -> str:
    """What zeros could give at most: the reason behind most layers that stay dense."""
    if decision.bound is None:
        return ""
    return f"; {decision.bound.by}-bound, zeros can give {decision.bound.gain:.2f}x at most"
