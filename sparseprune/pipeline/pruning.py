"""From one ratio to the next: at once, in consecutive steps, or while the network trains."""

import copy
from dataclasses import dataclass, replace

import torch

from sparseprune import data, prune, train
from sparseprune.errors import InputError
from sparseprune.formats import mask
from sparseprune.formats.mask import Masks
from sparseprune.recipe import Prune, Train

# Data sets whose sensitivity set may fail with another probability (section 2.3).
_DELTAS = {"voc": 1e-5}


@dataclass(frozen=True)
class Aim:
    """Where pruning goes, and what it looks at on the way.

    Attributes:
        settings: method, unit, schedule...
        target: fraction of the dense network's unit to be gone.
        dense: counts of the dense network.
        example: inputs of the network's shape, for tracing.
        held_out: the sensitivity set; None for methods that look at weights alone.
        seed: of what a method draws.
    """

    settings: Prune
    target: float
    dense: prune.Counts
    example: torch.Tensor
    held_out: prune.HeldOut | None
    seed: int

    def here(self, model: torch.nn.Module) -> float:
        """The ratio ``model`` has now, in the settings' unit."""
        return prune.ratio(prune.counts(model, self.example), self.dense, self.settings.unit)

    def advance(self, model: torch.nn.Module, target: float, step: int = 0) -> None:
        """Prune ``model`` in place to ``target``; raises as ``prune.cycle`` does."""
        pruned = prune.cycle(
            model,
            self.example,
            self.settings,
            target,
            self.dense,
            held_out=self.held_out,
            seed=self.seed + step,
        )
        pruned.apply(model)

    def tried(self, model: torch.nn.Module, target: float, step: int) -> bool:
        """Whether ``advance`` could remove anything; the next step may."""
        try:
            self.advance(model, target, step)
        except prune.NothingToRemove:
            return False
        return True


def require_held_out(splits: data.Splits, settings: Prune) -> data.Dataset | None:
    """The held-out pictures, None for methods that look at none.

    Raises:
        InputError: the method looks at some, and none are held out.
    """
    if prune.METHODS[settings.method].needs == "nothing":
        return None
    if splits.held_out is None:
        raise InputError(
            f"{settings.method} looks at pictures that neither training nor tests see: expected "
            "data.validation above 0 (0.1 in the study), got 0; train and prune with it"
        )
    return splits.held_out


def held_out(
    model: torch.nn.Module,
    example: torch.Tensor,
    splits: data.Splits,
    settings: Prune,
    retrain: Train,
    seed: int,
) -> prune.HeldOut | None:
    """The sensitivity set of a data-informed method: random held-out pictures (section 2.3).

    Where ``retrain`` corrupts its pictures, these are corrupted in the same way; they are neither
    cropped nor mirrored.

    Raises:
        InputError: no pictures are held out.
    """
    pool = require_held_out(splits, settings)
    if pool is None:
        return None
    delta = _DELTAS.get(pool.name, prune.DELTA)
    count = prune.sensitivity_size(model, example, len(pool.images), delta)
    order = torch.randperm(len(pool.images), generator=torch.Generator().manual_seed(seed))
    chosen = order[:count].sort().values.numpy()
    part = replace(pool, images=pool.images[chosen], labels=pool.labels[chosen])
    shown = train.pictures(part, Train(robust=retrain.robust), seed)
    return shown.batch(0, torch.arange(count)), torch.from_numpy(part.labels)


def to_target(model: torch.nn.Module, aim: Aim) -> None:
    """Prune ``model`` in place, in consecutive steps of equal parts of what is left (section 3.1).

    Whatever a method looks at is looked at again before each step. A step too small for a single
    filter to go is left to the next.

    Raises:
        InputError: see ``prune.cycle``.
    """
    here = aim.here(model)
    ratios = [aim.target]
    if here < aim.target:
        ratios = prune.Geometric(aim.settings.steps).ratios(aim.target, here)
    moved = [aim.tried(model, ratio, step) for step, ratio in enumerate(ratios[:-1])]
    if any(moved):
        aim.tried(model, aim.target, len(moved))
    else:
        aim.advance(model, aim.target, len(moved))


class Gradual:
    """Prunes during a training, by the cubic schedule of Zhu and Gupta (2017).

    Give it to ``train.fit``. Of ``steps`` steps from ``start`` on, the first part ``until`` is cut
    into as many equal spans as there are rounds, and each ends with pruning.
    """

    def __init__(self, model: torch.nn.Module, aim: Aim, start: int, steps: int) -> None:
        """Plan the rounds for ``model`` as it is."""
        settings, self._start = aim.settings, aim.here(model)
        ratios = prune.Cubic(settings.steps).ratios(aim.target, self._start)
        span = settings.until * (steps - start) / settings.steps
        places = [round(start + number * span) for number in range(1, settings.steps + 1)]
        # The last step must be trained on after the last pruning; of rounds that fall on one
        # step, the last counts.
        self._due = {
            min(place, steps - 1): (number, ratio)
            for number, (place, ratio) in enumerate(zip(places, ratios, strict=True))
        }
        self._aim = aim

    def __call__(self, step: int, model: torch.nn.Module) -> Masks | None:
        """Prune ``model`` in place if a round is due before ``step``; what is kept, or None."""
        if step not in self._due:
            return None
        number, ratio = self._due[step]
        copied = copy.deepcopy(model).to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        copied.eval()
        if step == max(self._due) and self._aim.here(copied) <= self._start:
            self._aim.advance(copied, ratio, number)  # must remove something, or say why not
        elif not self._aim.tried(copied, ratio, number):
            return None
        with torch.no_grad():
            for parameter, pruned in zip(model.parameters(), copied.parameters(), strict=True):
                parameter.copy_(pruned)
        return mask.of_zeros(copied)
