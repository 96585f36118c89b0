"""A training in the middle of an epoch, on disk: stopped there, it goes on as if it never had."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.formats import checkpoint, container
from sparseprune.formats.mask import Masks
from sparseprune.recipe import Train
from sparseprune.train import workers
from sparseprune.train.batches import Order
from sparseprune.train.descent import Descent
from sparseprune.train.holding import Holder
from sparseprune.train.pictures import Targets

_KIND = "training state"
# Between two writings pass so many times the seconds that one took, ...
_RARELY = 50
# ... but no more than these: however slow the disk is, a training that is killed loses no more.
_LONGEST = 180.0


@dataclass(frozen=True)
class Resume:
    """Where ``fit`` keeps its state, and how often: every so many seconds, or steps if given.

    Of a large network it is kept less often than every few seconds, so that writing takes a
    fiftieth of the time; but every three minutes, however long writing takes.

    If the file exists, ``fit`` goes on from it. It is left behind at the end, so that nothing is
    lost before the result is on disk; the caller then removes it. ``given`` is whatever else the
    training depends on, such as its pictures and how it prunes: a state belongs to one text.
    """

    path: Path
    seconds: float = 5.0
    steps: int | None = None
    given: str = ""


@dataclass
class Running:
    """Everything a training changes as it runs."""

    model: nn.Module
    descent: Descent
    order: Order
    generator: torch.Generator
    holder: Holder
    losses: list[float]


def identity(
    model: nn.Module,
    parent: nn.Module | None,
    targets: Targets,
    settings: Train,
    seed: int,
    masks: Masks,
    start: int,
) -> str:
    """Hex SHA-256 of what a training starts from; one state belongs to one of these."""
    parts = [
        settings.model_dump(mode="json"),
        [seed, start],
        checkpoint.digest(model.state_dict()),
        checkpoint.digest(parent.state_dict()) if parent else "",
        targets.digest(),
        checkpoint.digest(masks),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Keeper:
    """Writes the state of ``running`` now and then; the first worker does."""

    def __init__(self, resume: Resume, running: Running, identity: str) -> None:
        self._resume, self._running = resume, running
        self._identity = f"{identity} {resume.given}".rstrip()
        self._saved_at = time.monotonic()
        self._took = 0.0

    def restore(self) -> None:
        """Go on from the file, if there is one.

        Raises:
            InputError: it is of another training, or damaged.
        """
        path, running = self._resume.path, self._running
        if not path.exists():
            return
        tensors, document = container.read(path, _KIND)
        if document.get("identity") != self._identity:
            raise InputError(
                f"{path}: expected the state of this training, got that of one with other "
                "settings, seed, pictures, masks, parent or first weights; remove the file to "
                "start afresh"
            )
        try:
            _lay(running, tensors, document)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{path}: expected a whole training state, but {error!r:.80}; "
                "the file is damaged, remove it to start afresh"
            ) from error

    def look(self) -> None:
        """Write the state if it is time to."""
        if workers.rank() > 0:
            return
        every, step = self._resume.steps, self._running.order.step
        if every is None:
            pause = max(self._resume.seconds, min(_RARELY * self._took, _LONGEST))
            due = time.monotonic() - self._saved_at >= pause
        else:
            due = step % every == 0
        if due:
            start = time.monotonic()
            tensors, document = _take(self._running)
            container.write(
                self._resume.path, _KIND, tensors, {**document, "identity": self._identity}
            )
            self._saved_at = time.monotonic()
            self._took = self._saved_at - start


def _take(running: Running) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    tensors = {f"model.{name}": value for name, value in running.model.state_dict().items()}
    optimizer = running.descent.optimizer
    for place, parameter in enumerate(running.model.parameters()):
        momentum = optimizer.state.get(parameter, {}).get("momentum_buffer")
        if momentum is not None:
            tensors[f"momentum.{place}"] = momentum
    tensors["generator"] = running.generator.get_state()
    tensors["random"] = torch.get_rng_state()
    if running.descent.device.type == "cuda":
        tensors["cuda"] = torch.cuda.get_rng_state(running.descent.device)
    if running.order.permutation is not None:
        tensors["order"] = running.order.permutation
    grown = running.holder.grown
    tensors.update({f"mask.{name}": kept for name, kept in (grown or {}).items()})
    document = {
        "step": running.order.step,
        "losses": running.losses,
        "grown": grown is not None,
        "scaler": running.descent.scaler.state_dict(),
    }
    return tensors, document


def _lay(
    running: Running, tensors: Mapping[str, torch.Tensor], document: Mapping[str, Any]
) -> None:
    state = {name: tensors[f"model.{name}"] for name in running.model.state_dict()}
    running.model.load_state_dict(state)
    for place, parameter in enumerate(running.model.parameters()):
        momentum = tensors.get(f"momentum.{place}")
        if momentum is not None:
            like = torch.empty_like(parameter).detach()
            running.descent.optimizer.state[parameter]["momentum_buffer"] = like.copy_(momentum)
    running.generator.set_state(tensors["generator"])
    if workers.rank() == 0:  # of dropout; each worker draws its own
        torch.set_rng_state(tensors["random"])
        if running.descent.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["cuda"], running.descent.device)
    running.order.permutation = tensors["order"]
    if document["grown"]:
        masks = {name[5:]: kept for name, kept in tensors.items() if name.startswith("mask.")}
        running.holder.hold(masks)
    running.order.step = int(document["step"])
    running.losses[:] = [float(loss) for loss in document["losses"]]
    if document["scaler"]:
        running.descent.scaler.load_state_dict(dict(document["scaler"]))
