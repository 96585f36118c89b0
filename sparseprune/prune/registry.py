"""The methods by name, and what each needs to know."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from sparseprune.prune import filter_scores, filters, pfp, sampled, scores, thinet, weights
from sparseprune.prune.accounting import Parameters
from sparseprune.prune.blocks import Side
from sparseprune.prune.budget import Budget
from sparseprune.prune.pruned import Pruned
from sparseprune.prune.task import Task

Needs = Literal["nothing", "inputs", "labels"]


@dataclass(frozen=True)
class Method:
    """A pruning method.

    Attributes:
        removes: "weights" one by one or in blocks, or whole "filters".
        needs: of held-out data: nothing, inputs, or inputs and their labels.
        prune: a pure function of parameters and task.
        words: what it scores by, for people.
        check: raises what ``prune`` would whatever the evidence, and computes no scores.
    """

    removes: Literal["weights", "filters"]
    needs: Needs
    prune: Callable[[Parameters, Task], Pruned]
    words: str
    check: Callable[[Parameters, Task], object] = Budget.of


def _by(score: scores.Score, needs: Needs, words: str) -> Method:
    return Method("weights", needs, partial(weights.prune, score), words)


def _filters(score: filter_scores.Score, side: Side, needs: Needs, words: str) -> Method:
    pruned, checked = partial(filters.prune, score, side), partial(filters.check, side)
    return Method("filters", needs, pruned, words, checked)


def _pfp(choose: pfp.Draw, words: str) -> Method:
    return Method("filters", "inputs", partial(pfp.prune, choose), words, pfp.check)


#: By their names in the study, or in the field where the study has none.
METHODS: dict[str, Method] = {
    "WT": _by(scores.magnitude, "nothing", "single weights, by magnitude"),
    "SiPP": _by(scores.sipp, "inputs", "single weights, by relative contribution"),
    "SiPPRand": Method(
        "weights",
        "inputs",
        partial(sampled.prune, hybrid=False),
        "single weights, drawn by relative contribution",
        sampled.check,
    ),
    "SiPPHybrid": Method(
        "weights",
        "inputs",
        partial(sampled.prune, hybrid=True),
        "single weights, drawn or kept by relative contribution",
        sampled.check,
    ),
    "SNIP": _by(scores.snip, "labels", "single weights, by connection sensitivity"),
    "Taylor": _by(scores.taylor, "labels", "single weights, by first-order Taylor expansion"),
    "LAMP": _by(scores.lamp, "nothing", "single weights, by layer-adaptive magnitude"),
    "Random": _by(scores.random, "nothing", "single weights, at random"),
    "FT": _filters(filter_scores.l1, "made", "nothing", "whole filters, by l1 norm"),
    "SoftFilter": _filters(filter_scores.l2, "made", "nothing", "whole filters, by l2 norm"),
    "RandomFilter": _filters(filter_scores.random, "made", "nothing", "whole filters, at random"),
    "TaylorFilter": _filters(
        filter_scores.taylor, "made", "labels", "whole filters, by first-order Taylor expansion"
    ),
    "ThiNet": _filters(
        thinet.score, "read", "inputs", "whole channels, by what their readers would miss"
    ),
    "PFP": _pfp(pfp.keep_largest, "whole channels, by relative contribution"),
    "PFPRand": _pfp(pfp.draw_all, "whole channels, drawn by relative contribution"),
    "PFPTop": _pfp(pfp.draw_rest, "whole channels, kept or drawn by relative contribution"),
}
