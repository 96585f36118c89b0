"""The loss of one batch: a class, several, or segments, with or without a parent to learn from."""

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

from sparseprune.labels import UNKNOWN, VOID
from sparseprune.recipe import Distill

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
    """The share of these answers in the mean loss over ``total`` labels.

    It is the cross-entropy; the binary one of each class where a picture may show several.

    A sum over part of the batch divided by the size of all of it, so that the shares of several
    workers add up to the loss of one.

    Args:
        answers: logits [n, K] or [n, K, H, W], or torchvision's mapping of ``out`` and ``aux``,
            the second of which counts half.
        labels: int64 [n]; or [n, H, W], where 255 is ignored; or, of pictures that may show several
            classes, [n, K]: 1 shown, 0 not shown, -1 ignored.
        total: how many labels count in the whole batch, see ``counted``.
        parent: the parent's answers, if ``distill`` is given.
        distill: weight and temperature.
    """
    main, auxiliary = _heads(answers, labels)
    result = _cross_entropy(main, labels, total)
    if auxiliary is not None:
        result = result + _AUXILIARY * _cross_entropy(auxiliary, labels, total)
    if distill is None or parent is None:
        return result
    wanted, _ = _heads(parent, labels)
    soft = _softened(main, wanted, labels, distill.temperature) / total
    return (1 - distill.weight) * result + distill.weight * soft


def counted(labels: torch.Tensor) -> int:
    """How many of ``labels`` a loss counts; at least 1, so that a batch of none has loss 0."""
    if labels.dim() == 1:
        return len(labels)
    return max(1, int((labels != _ignored(labels)).sum()))


def _ignored(labels: torch.Tensor) -> int:
    return {1: -100, 2: UNKNOWN}.get(labels.dim(), VOID)


def _heads(answers: Answers, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    if isinstance(answers, torch.Tensor):
        return _choices(answers, labels), None
    auxiliary = answers.get("aux")
    main = _choices(answers["out"], labels)
    return main, None if auxiliary is None else _choices(auxiliary, labels)


def _choices(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """What is chosen from along axis 1: the classes, or of each of several (no, yes) [n, 2, K].

    The softmax of 0 and a logit is its sigmoid, so that the loss of such a choice is the binary
    cross-entropy.
    """
    logits = logits.float()
    return torch.stack([torch.zeros_like(logits), logits], 1) if labels.dim() == 2 else logits


def _cross_entropy(logits: torch.Tensor, labels: torch.Tensor, total: int) -> torch.Tensor:
    ignored = _ignored(labels)
    summed = functional.cross_entropy(logits, labels, reduction="sum", ignore_index=ignored)
    return summed / total


def _softened(
    logits: torch.Tensor, wanted: torch.Tensor, labels: torch.Tensor, temperature: float
) -> torch.Tensor:
    """``T^2 * KL(parent || network)``, summed over the labels that count."""
    ours = functional.log_softmax(logits / temperature, 1)
    theirs = functional.log_softmax(wanted / temperature, 1)
    each = nn.functional.kl_div(ours, theirs, reduction="none", log_target=True).sum(1)
    if labels.dim() > 1:
        each = each * (labels != _ignored(labels))
    return temperature**2 * each.sum()
