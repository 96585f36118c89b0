"""Randomised and hybrid SiPP: weights drawn by their sensitivity stand for those that are not."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from sparseprune.errors import InputError
from sparseprune.graph import Layer
from sparseprune.prune import sensitivity
from sparseprune.prune.accounting import Parameters
from sparseprune.prune.budget import Budget, fullest
from sparseprune.prune.observe import DELTA
from sparseprune.prune.patterns import SINGLE
from sparseprune.prune.pruned import Pruned
from sparseprune.prune.task import Task

Numbers = npt.NDArray[np.float64]

# Section 2.3: the constant of the methods' error bounds.
_CONSTANT = 3.0
# Halvings of an interval of exponents from -700 to 700: what is left is below one part in 1e15.
_HALVINGS = 60
# Newton's steps on curves that are nearly straight: the fifth changes nothing more.
_STEPS = 6
# Exponents of numbers whose cubes are still numbers.
_EXPONENT = 200.0
# Probabilities add up to 1 within 1e-16, so up to here rounding gives the last entry no draw.
_MOST_DRAWS = 1e9


@dataclass(frozen=True)
class Unit:
    """The weights of one sign of one filter.

    Attributes:
        name: of the weight they are in.
        places: flat positions in it, those of the weights that are not zero.
        sensitivities: of each, float64.
        alpha: what the number of draws is measured in (section 2.4).
        share: 1 / filters of the layer.
        price: what a kept weight costs in the task's unit.
    """

    name: str
    places: npt.NDArray[np.int64]
    sensitivities: Numbers
    alpha: float
    share: float
    price: int


def prune(parameters: Parameters, task: Task, *, hybrid: bool) -> Pruned:
    """Draw weights with probabilities in proportion to their sensitivity (section 2.4).

    The sensitivity is the largest relative contribution over patches and inputs. How many are kept
    of each filter and sign minimises the sum of the relative error bounds ``e(m)`` within the
    budget; as many are drawn, with replacement, as give that number of different ones on average,
    and a weight that was drawn c times of n is multiplied by ``c / (n p)``. With ``hybrid``, a
    unit's largest sensitivities are kept as they are where that has the smaller bound.

    Raises:
        InputError: as ``weights.prune``; without evidence; or a pattern or an allocation is asked
            for, which drawing weights one by one leaves no room for.
    """
    budget = check(parameters, task)
    found = sensitivity.sensitivities(task.evidence_or_raise(), task.layers, sensitivity.maximum)
    units = [
        unit
        for layer, weight in task.weights(parameters)
        for unit in _units(layer, weight, found[layer.name], task)
    ]

    def attempt(cost: int) -> Pruned:
        draw = _Draw(parameters, task)
        for unit, kept in zip(units, allocate(units, cost), strict=True):
            draw.take(unit, kept, hybrid)
        return draw.pruned()

    return fullest(attempt, budget, parameters, task)


def check(parameters: Parameters, task: Task) -> Budget:
    """The budget of a task that can be met; raises as ``prune`` does, but needs no evidence."""
    if task.pattern != SINGLE or task.allocation != "global":
        raise InputError(
            "the method draws single weights, as many of each filter as its error bound says: "
            "expected the pattern 1x1 and the allocation global, got others; take SiPP for them"
        )
    return Budget.of(parameters, task)


def error(alpha: Numbers, kept: Numbers) -> Numbers:
    """The bound on a unit's relative error when ``kept`` weights are drawn (section 2.4)."""
    x = alpha / (3 * kept)
    bound: Numbers = (np.sqrt(x * x + 6 * x) + x) / 2
    return bound


def allocate(units: Sequence["Unit"], cost: int) -> Numbers:
    """How many weights to keep of each unit: the least sum of errors that ``cost`` pays for.

    The errors are convex and fall with every weight, so at the optimum one more weight lowers each
    unit's share of the sum by the same amount for its price, except where all are kept.
    """
    columns = [(u.alpha, u.share, u.price, len(u.places)) for u in units]
    # No unit at all, where nothing the network was shown reaches these layers, is none to keep.
    alpha, share, price, limit = np.array(columns, dtype=np.float64).reshape(-1, 4).T
    exponents = np.log(price / share)

    def kept(rate: float) -> Numbers:
        return np.asarray(np.minimum(wanted(alpha, rate + exponents), limit))

    low, high = -700.0, 700.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if float(price @ kept(middle)) > cost:
            low = middle
        else:
            high = middle
    return kept(high)


def wanted(alpha: Numbers, exponent: Numbers) -> Numbers:
    """How many weights to keep so that one more lowers ``error`` by ``exp(exponent)``.

    With ``x = alpha / (3 m)`` and ``q = sqrt(x^2 + 6 x)`` the derivative of ``error`` by m, times
    alpha, is ``-3/2 x^2 (1 + (x + 3) / q)``: a function of x alone, whose logarithm rises with that
    of x by 1.5 (small x) to 2 (large x).
    """
    target = np.log(alpha) + exponent
    log_x = target / 1.75
    for _ in range(_STEPS):
        log_x = np.clip(log_x, -_EXPONENT, _EXPONENT)
        x = np.exp(log_x)
        q = np.sqrt(x * x + 6 * x)
        ratio = 1 + (x + 3) / q
        beyond = math.log(1.5) + 2 * log_x + np.log(ratio) - target
        log_x -= beyond / (2 - 9 * x / (q**3 * ratio))
    numbers: Numbers = alpha / (3 * np.exp(log_x))
    return numbers


def sample_factor(layer: Layer) -> float:
    """What a sum of the layer's sensitivities is multiplied with: 2 C ln(8 (P + 1) k / delta)."""
    kernel = math.prod(layer.shape[2:])
    return 2 * _CONSTANT * math.log(8 * (layer.positions + 1) * kernel / DELTA)


def draws(probabilities: Numbers, kept: float) -> int:
    """How often to draw to get ``kept`` different entries on average, at least once.

    After n draws entry j has come with probability ``1 - (1 - p_j)^n``. Entries of next to no
    probability would take more draws than a computer can count, and are not waited for.
    """
    # log1p keeps what 1 - p loses for small p.
    survival = np.log1p(-np.minimum(probabilities, 1 - 1e-16))
    allowed = len(probabilities) - kept
    # The logarithm of how many are missing is convex: Newton's steps come from below, and in few.
    number, step = kept, math.inf
    while allowed > 0 and 1e-12 * number < step and number < _MOST_DRAWS:
        missing = np.exp(number * survival)
        total, falls = float(missing.sum()), -float(survival @ missing)
        step = math.log(total / allowed) * total / falls if falls > 0 else math.inf
        number += step
    if allowed <= 0 or number >= _MOST_DRAWS:
        return int(_MOST_DRAWS)
    # Rounding must not make one more of a whole number.
    return max(1, math.ceil(number * (1 - 1e-12)))


def draw(sensitivities: Numbers, kept: float, random: np.random.Generator) -> Numbers:
    """A factor for each entry, 0 for those not drawn; the mean over all draws is 1.

    About ``kept`` are not 0.
    """
    probabilities = sensitivities / sensitivities.sum()
    number = draws(probabilities, kept)
    factors: Numbers = random.multinomial(number, probabilities) / (number * probabilities)
    return factors


class _Draw:
    """Masks and factors of all layers, filled unit by unit."""

    def __init__(self, parameters: Parameters, task: Task) -> None:
        self._random = np.random.default_rng(task.seed)
        self._shapes = {
            f"{layer.name}.weight": weight.shape for layer, weight in task.weights(parameters)
        }
        self._factors = {name: np.zeros(math.prod(shape)) for name, shape in self._shapes.items()}

    def take(self, unit: Unit, kept: float, hybrid: bool) -> None:
        """Keep about ``kept`` of the unit's weights; all of them if they are no more.

        None where that is nearer than one: a draw always gives one, and where most units have
        room for less no budget would be met.
        """
        if kept < 0.5:
            return
        factors = self._factors[unit.name]
        if kept >= len(unit.places):
            factors[unit.places] = 1
            return
        if hybrid and _dropped(unit, kept) <= error(np.array(unit.alpha), np.array(kept)):
            factors[unit.places[_largest(unit, kept)]] = 1
            return
        factors[unit.places] = draw(unit.sensitivities, kept, self._random)

    def pruned(self) -> Pruned:
        """What was taken."""
        factors = {
            name: torch.from_numpy(self._factors[name]).reshape(shape)
            for name, shape in self._shapes.items()
        }
        masks = {name: factor > 0 for name, factor in factors.items()}
        return Pruned(masks, {name: factor.float() for name, factor in factors.items()})


def _dropped(unit: Unit, kept: float) -> float:
    """The bound on the relative error when the largest are kept as they are (section 2.4)."""
    rest = np.delete(unit.sensitivities, _largest(unit, kept))
    return _CONSTANT * float(rest.sum())


def _largest(unit: Unit, kept: float) -> npt.NDArray[np.intp]:
    """Which are the ``kept`` largest sensitivities; the first of equals."""
    return np.argsort(-unit.sensitivities, kind="stable")[: int(kept)]


def _units(layer: Layer, weight: torch.Tensor, found: torch.Tensor, task: Task) -> Iterator[Unit]:
    """Every sign of every filter that has weights with some sensitivity."""
    rows = weight.flatten(1).double().cpu().numpy()
    sensitivities = found.flatten(1).double().cpu().numpy()
    factor = sample_factor(layer)
    price = layer.positions if task.unit == "flops" else 1
    for index, row in enumerate(rows):
        for signed in (row > 0, row < 0):
            places = np.flatnonzero(signed & (sensitivities[index] > 0))
            values = sensitivities[index, places]
            if len(places):
                yield Unit(
                    f"{layer.name}.weight",
                    places + index * rows.shape[1],
                    values,
                    alpha=factor * float(values.sum()),
                    share=1 / len(rows),
                    price=price,
                )
