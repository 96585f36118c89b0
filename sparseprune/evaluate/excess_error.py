"""Difference in excess error: what pruning costs beyond what it costs on clean pictures."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from fractions import Fraction
from statistics import fmean

from sparseprune.errors import InputError
from sparseprune.evaluate.sets import CLEAN, split
from sparseprune.records import Row, score, select


def rows(run: Sequence[Row], trained_on: Collection[str] = ()) -> list[Row]:
    """``excess_error`` rows, one per pruned network and runner.

    value = [l(pruned, D') - l(pruned, D)] - [l(parent, D') - l(parent, D)], where l is the top-1
    error (1 - mean IoU or mean average precision where networks are judged by them), D the
    unweighted mean over the distributions the networks were trained for (the clean test pictures;
    after robust training also the corruptions it showed) and D' the unweighted mean over all other
    shifts (``sets.split``, paper 1.7). 0 means that pruning costs the same everywhere. No rows
    where no shift was evaluated.

    Args:
        run: the ``network`` and ``evaluation`` rows of a run.
        trained_on: corruptions that robust training showed.

    Raises:
        InputError: no parent, or a network lacks the clean or all shifted evaluations.
    """
    evaluations = select(run, "evaluation")
    if not split((row["distribution"] for row in evaluations), trained_on).test:
        return []
    parents = [row["id"] for row in select(run, "network", role="parent")]
    if len(parents) != 1:
        raise InputError(f"expected one network row with role 'parent', got {len(parents)}")
    found = []
    for network in select(run, "network", role="pruned"):
        runners = dict.fromkeys(r["runner"] for r in evaluations if r["id"] == network["id"])
        for runner in runners:
            mine = select(evaluations, "evaluation", id=network["id"], runner=runner)
            dense = select(evaluations, "evaluation", id=parents[0], runner=runner)
            found.append(
                {
                    "kind": "excess_error",
                    "id": network["id"],
                    "method": network["method"],
                    "ratio": network["ratio"],
                    "runner": runner,
                    "value": excess(mine, trained_on) - excess(dense, trained_on),
                }
            )
    return found


def excess(evaluations: Sequence[Row], trained_on: Collection[str] = ()) -> float:
    """Excess error e = l(D') - l(D) of one network: mean error on shifts minus that on D.

    Raises:
        InputError: ``evaluations`` hold no clean or no shifted evaluation.
    """
    errors = {row["distribution"]: 1 - float(score(row)) for row in evaluations}
    sets = split(errors, trained_on)
    if CLEAN not in sets.train or not sets.test:
        raise InputError(
            "expected evaluations on clean pictures and on at least one shift that was not trained "
            f"on, got: {', '.join(errors) or 'none'}"
        )
    shifted, usual = ([errors[name] for name in names] for names in (sets.test, sets.train))
    return float(fmean(shifted) - fmean(usual))


def slopes(found: Sequence[Row]) -> list[Row]:
    """``excess_slope`` rows, one per method and runner, of ``excess_error`` rows.

    Rows of several seeds may come together: every network is a point (paper 1.7).
    """
    points: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for row in select(found, "excess_error"):
        points[row["method"], row["runner"]].append((row["ratio"], row["value"]))
    return [
        {
            "kind": "excess_slope",
            "method": method,
            "runner": runner,
            "value": slope(some),
            "networks": len(some),
        }
        for (method, runner), some in points.items()
    ]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least-squares slope, through the origin, of (prune ratio, difference in excess error).

    sum of x y / sum of x^2: a network that is not pruned differs from its parent by nothing, so
    there is no intercept. Points are all networks of all seeds, not means over them (paper 1.7).

    Raises:
        InputError: no point has a ratio above 0.
    """
    squares = sum(Fraction(x) ** 2 for x, _ in points)
    if not squares:
        raise InputError(
            f"expected a pruned network to draw a line through, got {len(points)} points, none of "
            "a ratio above 0; evaluate a pruned network"
        )
    return float(sum(Fraction(x) * Fraction(y) for x, y in points) / squares)
