"""How a pruned network is retrained: which schedule it follows, and from which weights.

The study restarts the whole schedule from the present weights (paper section 3.1). Renda, Frankle
and Carbin (ICLR 2020) compare fine-tuning, learning-rate rewinding and weight rewinding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.formats import container
from sparseprune.formats.mask import Masks, apply
from sparseprune.recipe import Train
from sparseprune.train import workers
from sparseprune.train.batches import spans
from sparseprune.train.schedules import learning_rate

Mode = Literal["restart", "finetune", "rewind_lr", "rewind_weights"]
_KIND = "early weights"


@dataclass(frozen=True)
class Plan:
    """What to give ``fit``: its settings, and the step of their schedule to start at."""

    settings: Train
    start: int = 0


def plan(mode: Mode, train: Train, retrain: Train, *, images: int, rewind: int = 0) -> Plan:
    """How to retrain on ``images`` pictures.

    * ``restart``: all of ``retrain``, from its first step, warm-up included.
    * ``finetune``: the epochs of ``retrain`` at the constant rate that ``train`` ended with.
    * ``rewind_lr``: the schedule of ``train`` from step ``rewind`` on, with the present weights.
    * ``rewind_weights``: the same, with the weights of that step; ``EarlyWeights`` has them.

    A parent to learn from, and robust pictures, are those of ``retrain`` in any case.

    Raises:
        InputError: ``rewind`` is no step of the training.
    """
    if mode == "restart":
        return Plan(retrain)
    steps = train.epochs * len(spans(images, train.batch_size))
    if mode == "finetune":
        last = learning_rate(steps - 1, steps, train)
        constant = {"schedule": "constant", "warmup_epochs": 0.0, "lr": last}
        return Plan(retrain.model_copy(update=constant))
    if not 0 <= rewind < steps:
        raise InputError(
            f"rewinding: expected a step from 0 to {steps - 1} of the training, got {rewind}; "
            "rewind to a step before its end"
        )
    kept = {"distill": retrain.distill, "robust": retrain.robust}
    return Plan(train.model_copy(update=kept), rewind)


class EarlyWeights:
    """Keeps the weights a training had after ``step`` steps; give it to ``fit`` as ``progress``.

    They go straight to ``path``, so a training that was stopped and resumed still has them. Step 0
    is kept at once. Of several workers the first writes.
    """

    def __init__(self, model: nn.Module, step: int, path: Path) -> None:
        self._model, self._step, self._path = model, step, path
        if step == 0:
            self(0, 0, 0.0)

    def __call__(self, step: int, steps: int, loss: float) -> None:
        """Keep the weights if this is the step."""
        if step == self._step and workers.rank() == 0:
            container.write(self._path, _KIND, self._model.state_dict(), {"step": step})


def rewind(model: nn.Module, path: Path, masks: Masks) -> int:
    """Give ``model`` the early weights of ``path``, the masked ones zero; return their step.

    Raises:
        InputError: no such file, or of another network; or the masks do not fit.
    """
    state, document = container.read(path, _KIND)
    _check(path, state, model.state_dict(), document)
    model.load_state_dict(state)
    apply(model, masks)
    return int(document["step"])


def _check(
    path: Path,
    state: Mapping[str, torch.Tensor],
    wanted: Mapping[str, torch.Tensor],
    document: Mapping[str, object],
) -> None:
    fits = state.keys() == wanted.keys() and all(
        state[name].shape == wanted[name].shape for name in wanted
    )
    if not fits or not isinstance(document.get("step"), int):
        raise InputError(
            f"{path}: expected early weights of this network, got those of another; "
            "rewind the network they were kept of"
        )
