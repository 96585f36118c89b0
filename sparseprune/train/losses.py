"""The loss of one batch: classes or segments, with or without a parent to learn from."""

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

from sparseprune.recipe import Distill

#: Label of pixels that belong to no class: border and void of VOC.
IGNORED = 255
# Weight of the auxiliary head (paper section 3.2, DeepLabV3 on VOC).
_AUXILIARY = 0.5

Answers = torch.Tensor | Mapping[str, torch.Tensor]


def loss(
    answers: Answers,
    labels: torch.Tensor,
    total: int,
    parent: Answers | None = None,
    distill: Distill | None = None,
) -> torch.Tensor:
    """The share of these answers in the mean loss over ``total`` pictures (or pixels).

    A sum over part of the batch divided by the size of all of it, so that the shares of several
    workers add up to the loss of one.

    Args:
        answers: logits [n, K] or [n, K, H, W], or torchvision's mapping of ``out`` and ``aux``,
            the second of which counts half.
        labels: int64 [n] or [n, H, W]; 255 is ignored where pixels are labelled.
        total: how many labels count in the whole batch, see ``counted``.
        parent: the parent's answers, if ``distill`` is given.
        distill: weight and temperature.
    """
    main, auxiliary = _heads(answers)
    result = _cross_entropy(main, labels, total)
    if auxiliary is not None:
        result = result + _AUXILIARY * _cross_entropy(auxiliary, labels, total)
    if distill is None or parent is None:
        return result
    wanted, _ = _heads(parent)
    soft = _softened(main, wanted, labels, distill.temperature) / total
    return (1 - distill.weight) * result + distill.weight * soft


def counted(labels: torch.Tensor) -> int:
    """How many of ``labels`` a loss counts; at least 1, so that a batch of none has loss 0."""
    if labels.dim() == 1:
        return len(labels)
    return max(1, int((labels != IGNORED).sum()))


def _heads(answers: Answers) -> tuple[torch.Tensor, torch.Tensor | None]:
    if isinstance(answers, torch.Tensor):
        return answers.float(), None
    auxiliary = answers.get("aux")
    return answers["out"].float(), None if auxiliary is None else auxiliary.float()


def _cross_entropy(logits: torch.Tensor, labels: torch.Tensor, total: int) -> torch.Tensor:
    ignored = IGNORED if labels.dim() > 1 else -100
    summed = functional.cross_entropy(logits, labels, reduction="sum", ignore_index=ignored)
    return summed / total


def _softened(
    logits: torch.Tensor, wanted: torch.Tensor, labels: torch.Tensor, temperature: float
) -> torch.Tensor:
    """``T^2 * KL(parent || network)``, summed over pictures or over the pixels that count."""
    ours = functional.log_softmax(logits / temperature, 1)
    theirs = functional.log_softmax(wanted / temperature, 1)
    each = nn.functional.kl_div(ours, theirs, reduction="none", log_target=True).sum(1)
    if labels.dim() > 1:
        each = each * (labels != IGNORED)
    return temperature**2 * each.sum()
