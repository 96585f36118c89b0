"""One step of SGD: forward, loss, gradient, and what protects them."""

from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.recipe import Train
from sparseprune.train import workers
from sparseprune.train.losses import loss


class Descent:
    """A fresh optimizer for ``model``, with gradient clipping and mixed precision if asked for.

    Mixed precision runs convolutions and products in 16 bits, the weights stay float32; float16
    scales the loss so that small gradients do not vanish, bfloat16 needs no scaling.

    Raises:
        InputError: 16 bits on a CPU, or a parent and a ``distill`` that do not come together.
    """

    def __init__(self, model: nn.Module, settings: Train, parent: nn.Module | None) -> None:
        self.device = next(model.parameters()).device
        check_precision(self.device, settings)
        _check_parent(settings, parent)
        self._model, self._settings, self._parent = model, settings, parent
        self._precision = precision_on(self.device, settings)
        self.optimizer = torch.optim.SGD(
            model.parameters(),
            lr=settings.lr,
            momentum=settings.momentum,
            nesterov=settings.nesterov and settings.momentum > 0,
            weight_decay=settings.weight_decay,
        )
        scaled = self._precision == "float16"
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=scaled)

    def step(self, batch: torch.Tensor, labels: torch.Tensor, total: int, rate: float) -> float:
        """Descend along the gradient of the mean loss over ``total`` labels; return that loss.

        ``batch`` and ``labels`` are this worker's part; the gradients of all workers are added.
        """
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        with self._lowered():
            answers = self._model(batch)
            wanted = self._wanted(batch)
        value = loss(answers, labels, total, wanted, self._settings.distill)
        self.scaler.scale(value).backward()  # type: ignore[no-untyped-call]
        parameters = list(self._model.parameters())
        workers.add([it.grad for it in parameters if it.grad is not None])
        if self._settings.clip is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(parameters, self._settings.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        whole = value.detach()
        workers.add([whole])
        return float(whole)

    def _lowered(self) -> Any:
        if self._precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, getattr(torch, self._precision))

    @torch.no_grad()
    def _wanted(self, batch: torch.Tensor) -> Any:
        return None if self._parent is None else self._parent(batch)


def precision_on(device: torch.device, settings: Train) -> str:
    """What convolutions and products compute in; ``auto`` is float16 on a GPU, as in the study."""
    if settings.precision == "auto":
        return "float16" if device.type == "cuda" else "float32"
    return settings.precision


def check_precision(device: torch.device, settings: Train) -> None:
    """Raise InputError if ``device`` cannot train with the settings' precision."""
    if precision_on(device, settings) != "float32" and device.type != "cuda":
        raise InputError(
            f"precision: expected float32 on {device.type}, got {settings.precision}; mixed "
            "precision needs a CUDA device, and auto takes it where there is one"
        )


def _check_parent(settings: Train, parent: nn.Module | None) -> None:
    if (settings.distill is None) != (parent is None):
        raise InputError(
            f"distillation: expected a parent and distill settings together, got "
            f"{'only a parent' if settings.distill is None else 'no parent'}; give both or neither"
        )
