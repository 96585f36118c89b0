"""One training inside a run: on the device there is, going on where it was stopped."""

from dataclasses import dataclass
from pathlib import Path

import torch

from sparseprune import train
from sparseprune.data import Dataset
from sparseprune.errors import GateError
from sparseprune.formats.mask import Masks
from sparseprune.pipeline.schedule import Progress
from sparseprune.recipe import Train


@dataclass(frozen=True)
class Extra:
    """What a training has beside model, pictures and settings.

    Attributes:
        start: step of the schedule to begin at.
        masks: what to hold at zero; None: nothing.
        pruning: prunes while it trains; ``given`` says how, so that the state of a training that
            prunes otherwise is refused.
        parent: to learn from.
        state: file that keeps the state of the training; None: it is not kept.
        watch: called after each step, beside the progress.
    """

    start: int = 0
    masks: Masks | None = None
    pruning: train.Pruning | None = None
    given: str = ""
    parent: torch.nn.Module | None = None
    state: Path | None = None
    watch: train.Progress | None = None


def fit(
    model: torch.nn.Module,
    learn: Dataset,
    settings: Train,
    seed: int,
    progress: Progress,
    extra: Extra,
) -> list[float]:
    """Train ``model`` in place, on a GPU if there is one; it ends on the CPU.

    Returns the mean loss of each epoch.

    Raises:
        GateError: it diverged; its state is removed.
    """

    def look(step: int, steps: int, loss: float) -> None:
        if extra.watch:
            extra.watch(step, steps, loss)
        progress(step / steps, f"loss {loss:.3f}")

    device = train.workers.device()
    model.to(device)
    if extra.parent is not None:
        extra.parent.to(device)
    given = f"{learn.digest} {extra.given}"
    try:
        losses = train.fit(
            model,
            train.pictures(learn, settings, seed),
            train.targets(learn, settings, seed),
            settings,
            seed=seed,
            masks=extra.masks,
            progress=look,
            parent=extra.parent,
            resume=train.Resume(extra.state, given=given) if extra.state else None,
            start=extra.start,
            pruning=extra.pruning,
        )
    except GateError:
        forget(extra.state)  # it diverged, and would again
        raise
    model.to("cpu")
    return losses


def forget(state: Path | None) -> None:
    """Remove the state of a training whose result is on disk."""
    if state is not None and train.workers.rank() == 0:
        state.unlink(missing_ok=True)
