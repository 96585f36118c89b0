"""Training and retraining: SGD whose learning rate restarts in full with every call."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional

from sparseprune.errors import GateError, InputError
from sparseprune.formats.mask import Masks, enforcer
from sparseprune.recipe import Train

#: Called after each step with the step (from 1), the number of steps, and the step's loss.
Progress = Callable[[int, int, float], None]


def fit(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    settings: Train,
    *,
    seed: int,
    masks: Masks | None = None,
    progress: Progress | None = None,
) -> list[float]:
    """Train ``model`` in place from its present weights; return the mean loss of each epoch.

    The optimizer starts fresh and the whole learning-rate schedule runs again, as retraining does
    in the study (section 3.1: learning-rate rewinding). Masked entries are zeroed after *every*
    step: momentum and weight decay would revive them otherwise. The last, smaller batch of an
    epoch is used, unless it is a single picture (BatchNorm cannot train on one). The same model,
    data, settings and seed give bit-equal weights on the same machine and thread count.

    Args:
        model: any classifier; moved to channels-last while it trains and left in evaluation mode.
        images: float32 [N, C, H, W], normalised.
        labels: int64 [N].
        settings: epochs, batch size, SGD and schedule.
        seed: of the shuffling, the flips and dropout; the caller's random state is left alone.
        masks: entries to hold at zero, from ``prune`` or ``formats.mask``.
        progress: called after each step.

    Raises:
        InputError: images and labels do not match, or the masks do not fit the model.
        GateError: the loss became NaN or infinite.
    """
    _check(images, labels)
    enforce = enforcer(model, masks or {})
    enforce()
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=settings.lr,
        momentum=settings.momentum,
        nesterov=settings.nesterov and settings.momentum > 0,
        weight_decay=settings.weight_decay,
    )
    spans = _spans(len(images), settings.batch_size)
    steps = settings.epochs * len(spans)
    losses: list[float] = []
    with _training(model, seed) as generator:
        for chosen in _shuffled(len(images), spans, settings.epochs, generator):
            optimizer.param_groups[0]["lr"] = learning_rate(len(losses), steps, settings)
            batch = _place(model, images[chosen])
            if settings.flip:
                batch = _flip(batch, generator)
            losses.append(_descend(model, optimizer, batch, labels[chosen]))
            enforce()
            _stop_if_diverged(losses, settings)
            if progress:
                progress(len(losses), steps, losses[-1])
    return _epoch_means(losses, spans)


def learning_rate(step: int, steps: int, settings: Train) -> float:
    """Learning rate of ``step`` (from 0) out of ``steps``.

    ``one_cycle`` rises linearly from ``lr / warm`` to ``lr`` over the first
    ``warm = round(warmup * steps)`` steps, then falls linearly; the step after the last has 0.
    """
    if settings.schedule == "constant":
        return settings.lr
    warm = round(settings.warmup * steps)
    if step < warm:
        return settings.lr * (step + 1) / warm
    return settings.lr * (steps - step) / (steps - warm)


@torch.no_grad()
def accuracy(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, batch: int = 500
) -> float:
    """Fraction of ``images`` [N, C, H, W] whose largest logit is the label's, in [0, 1].

    The model is left in evaluation mode.

    Raises:
        InputError: images and labels do not match.
    """
    _check(images, labels)
    model.eval()
    correct = 0
    for start in range(0, len(images), batch):
        predicted = model(_place(model, images[start : start + batch])).argmax(1).cpu()
        correct += int((predicted == labels[start : start + batch]).sum())
    return correct / len(images)


def _descend(
    model: nn.Module, optimizer: torch.optim.Optimizer, batch: torch.Tensor, labels: torch.Tensor
) -> float:
    optimizer.zero_grad(set_to_none=True)
    loss = functional.cross_entropy(model(batch), labels.to(batch.device))
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return float(loss.detach())


@contextmanager
def _training(model: nn.Module, seed: int) -> Iterator[torch.Generator]:
    """Training mode, channels-last, and a seeded generator; undone (to evaluation mode) at the end.

    Channels-last: oneDNN trains the quickstart network 1.3 times as fast (20 steps of 128 pictures
    in 0.76 s against 1.00 s on one core).
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model.train()
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        try:
            yield torch.Generator().manual_seed(seed)
        finally:
            model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
            model.eval()


def _spans(images: int, size: int) -> list[tuple[int, int]]:
    """Start and stop of each batch of an epoch; a last batch of one picture is dropped."""
    spans = [(start, min(start + size, images)) for start in range(0, images, size)]
    return [span for span in spans if span[1] - span[0] > 1 or images == 1 or size == 1]


def _shuffled(
    images: int, spans: list[tuple[int, int]], epochs: int, generator: torch.Generator
) -> Iterator[torch.Tensor]:
    """Picture numbers of every batch; all ``images`` in a new order each epoch."""
    for _ in range(epochs):
        order = torch.randperm(images, generator=generator)
        yield from (order[start:stop] for start, stop in spans)


def _epoch_means(losses: list[float], spans: list[tuple[int, int]]) -> list[float]:
    """Mean loss of a picture in each epoch."""
    sizes = torch.tensor([stop - start for start, stop in spans], dtype=torch.float64)
    epochs = torch.tensor(losses, dtype=torch.float64).reshape(-1, len(spans))
    means: list[float] = (epochs @ sizes / sizes.sum()).tolist()
    return means


def _flip(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirror each picture left to right with probability one half."""
    mirrored = torch.rand(len(batch), generator=generator) < 0.5
    return torch.where(mirrored.to(batch.device)[:, None, None, None], batch.flip(3), batch)


def _place(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    device = next(model.parameters()).device
    return batch.to(device, memory_format=torch.channels_last)


def _check(images: torch.Tensor, labels: torch.Tensor) -> None:
    if images.dim() != 4 or not images.is_floating_point():
        raise InputError(
            "expected float pictures of shape [N, C, H, W], got "
            f"{str(images.dtype).removeprefix('torch.')} {list(images.shape)}; normalise them first"
        )
    if labels.dim() != 1 or labels.dtype != torch.int64 or len(labels) != len(images):
        raise InputError(
            f"expected {len(images)} int64 labels, one per picture, got "
            f"{str(labels.dtype).removeprefix('torch.')} {list(labels.shape)}"
        )
    if len(images) == 0:
        raise InputError("expected at least one picture, got none")


def _stop_if_diverged(losses: list[float], settings: Train) -> None:
    if not math.isfinite(losses[-1]):
        raise GateError(
            f"training diverged: the loss is {losses[-1]} at step {len(losses)}; lower the "
            f"learning rate (lr is {settings.lr:g}) or look for NaN in the pictures"
        )
