"""``Pruner``: prune step by step inside the user's own training loop."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from sparseprune.errors import InputError
from sparseprune.formats.mask import Masks, enforcer
from sparseprune.graph import ExampleInputs, trace
from sparseprune.prune.accounting import UNITS, count, ratios
from sparseprune.prune.patterns import parse
from sparseprune.prune.registry import METHODS
from sparseprune.prune.schedules import OneShot, Schedule
from sparseprune.prune.step import HeldOut, advance, evidence_of, on_device_of, parameters_of
from sparseprune.prune.task import allowed
from sparseprune.recipe import Prune

COUPLINGS = ("group", "independent")
ALLOCATIONS = ("global", "uniform")


class Pruner:
    """Prunes ``model`` in place, one ratio at a time; shapes stay, pruned entries become zero.

    In a plain loop (Lightning and Accelerate: the same, ``attach`` once the optimizer exists)::

        pruner = Pruner(model, example_inputs, target={"params": 0.9}, schedule=Geometric(4))
        for step in pruner.rounds():
            step.step()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            pruner.attach(optimizer)
            train(model, optimizer)

    Attributes:
        masks: what is kept after the last step; empty before the first.
    """

    def __init__(
        self,
        model: nn.Module,
        example_inputs: ExampleInputs,
        *,
        method: str = "WT",
        target: Mapping[str, float],
        schedule: Schedule | None = None,
        coupling: str = "group",
        allocation: str = "global",
        pattern: str = "1x1",
        round_to: int = 1,
        held_out: HeldOut | None = None,
        seed: int = 0,
        ignored_layers: Sequence[str] = (),
        prune_output_layer: bool = False,
    ) -> None:
        """Trace ``model``, which is taken for the dense network, and plan the rounds.

        Args:
            model: any network torch.fx can trace; its weights change in place at every step.
            example_inputs: one batch the model takes; values do not matter.
            method: one of ``prune.METHODS``, such as "WT" (weights) or "FT" (filters).
            target: one unit and the fraction of it to remove, such as ``{"params": 0.9}``; units
                are params, weights, channels (filter methods only) and flops.
            schedule: ratios on the way; by default the target at once.
            coupling: of filters: "group" prunes tied channels together, "independent" does not.
            allocation: of weights: "global" ranks all layers together, "uniform" each alone.
            pattern: of weights: blocks of outputs x inputs such as "4x1" that go together, or N:M.
            round_to: filter methods keep a multiple of so many channels of each layer, or all.
            held_out: inputs, or (inputs, labels), for data-informed methods; see ``cycle``.
            seed: of what a method draws at random.
            ignored_layers: names of layers to spare, or "re:" and a regular expression.
            prune_output_layer: of weights: prune the layer that makes the output too.

        Raises:
            InputError: an argument is not one of these, or the model cannot be traced.
        """
        unit, ratio = _unit_and_ratio(target)
        _check_names(ignored_layers)
        self._model = model
        self._ratios = (schedule or OneShot()).ratios(ratio)
        self._settings = Prune(
            method=_one_of("method", method, METHODS),
            ratios=self._ratios,
            unit=unit,
            coupling=_one_of("coupling", coupling, COUPLINGS),
            allocation=_one_of("allocation", allocation, ALLOCATIONS),
            pattern=_checked(pattern),
            round_to=_positive(round_to),
            ignored_layers=list(ignored_layers),
            prune_output_layer=prune_output_layer,
        )
        self._graph = trace(model, on_device_of(model, example_inputs))
        self._dense = count(parameters_of(model, self._graph), self._graph)
        allowed(self._graph, self._settings)  # raises now rather than at the first step
        self._held_out, self._seed = held_out, seed
        self._done = 0
        self.masks: Masks = {}
        self._enforce = enforcer(model, {})

    @property
    def ratio(self) -> float:
        """Fraction of the target's unit that is zero now."""
        return self.ratios[self._settings.unit]

    @property
    def ratios(self) -> dict[str, float]:
        """Fraction that is zero now, in every unit; "params" counts all parameters."""
        now = count(parameters_of(self._model, self._graph), self._graph)
        return ratios(now, self._dense)

    def step(self) -> None:
        """Prune to the next ratio of the schedule, in place.

        Raises:
            InputError: all ratios are reached, or the step would remove nothing.
        """
        if self._done == len(self._ratios):
            raise InputError(
                f"expected a ratio left to prune to, but all {self._done} of the schedule are "
                "done; make a new Pruner with a higher target"
            )
        self.apply_masks()
        parameters = parameters_of(self._model, self._graph)
        target = self._ratios[self._done]
        pruned = advance(
            parameters,
            self._graph,
            self._settings,
            target,
            self._dense,
            evidence_of(self._model, self._graph, self._held_out, self._settings),
            self._seed + self._done,
        )
        pruned.apply(self._model)
        self.masks = pruned.masks
        self._enforce = enforcer(self._model, self.masks)
        self._done += 1

    def rounds(self) -> Iterator["Round"]:
        """The rounds left: ``step()`` each, then train.

        Raises:
            InputError: a round was not stepped before the next was asked for.
        """
        for number in range(self._done, len(self._ratios)):
            if self._done != number:
                raise InputError(
                    f"expected step() once in every round, got {self._done} steps after "
                    f"{number} rounds; call round.step() before training"
                )
            yield Round(self, number + 1, self._ratios[number])

    def apply_masks(self) -> None:
        """Zero the pruned entries; call it after every ``optimizer.step()``, or ``attach``."""
        self._enforce()

    def attach(self, optimizer: torch.optim.Optimizer) -> RemovableHandle:
        """Apply the masks after every step of ``optimizer`` from now on; later masks too.

        Momentum and weight decay would revive pruned entries otherwise. Optimizers wrapped by
        Lightning or Accelerate are unwrapped.

        Returns:
            A handle whose ``remove()`` ends it.
        """
        inner: torch.optim.Optimizer = getattr(optimizer, "optimizer", optimizer)
        return inner.register_step_post_hook(self._after_step)

    def _after_step(self, *_: Any) -> None:
        self.apply_masks()


@dataclass(frozen=True)
class Round:
    """One round of prune and retrain.

    Attributes:
        number: from 1.
        target: the ratio this round prunes to.
    """

    pruner: Pruner
    number: int
    target: float

    def step(self) -> None:
        """Prune to ``target``; see ``Pruner.step``."""
        self.pruner.step()

    @property
    def ratio(self) -> float:
        """Fraction of the target's unit that is zero now."""
        return self.pruner.ratio


def _unit_and_ratio(target: Mapping[str, float]) -> tuple[Any, float]:
    if not isinstance(target, Mapping) or len(target) != 1 or next(iter(target)) not in UNITS:
        raise InputError(
            f"target: expected one unit of {', '.join(UNITS)} and a ratio, such as "
            f"{{'params': 0.9}}, got {target!r}"
        )
    ((unit, ratio),) = target.items()
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 < ratio < 1:
        raise InputError(f"target: expected a ratio above 0 and below 1, got {ratio!r}")
    return unit, ratio


def _check_names(ignored_layers: Sequence[str]) -> None:
    listed = isinstance(ignored_layers, Sequence) and not isinstance(ignored_layers, str)
    if not listed or not all(isinstance(name, str) for name in ignored_layers):
        raise InputError(
            f"ignored_layers: expected a list of names, got {ignored_layers!r}; "
            "put each name in a list as a string"
        )


def _checked(pattern: str) -> str:
    parse(pattern)
    return pattern


def _positive(round_to: int) -> int:
    if isinstance(round_to, bool) or not isinstance(round_to, int) or round_to < 1:
        raise InputError(f"round_to: expected a whole number of channels >= 1, got {round_to!r}")
    return round_to


def _one_of(what: str, value: str, known: Mapping[str, Any] | Sequence[str]) -> Any:
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{what}: expected one of {', '.join(known)}, got {value!r}")
    return value
