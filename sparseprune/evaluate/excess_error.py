"""Difference in excess error: what pruning costs beyond what it costs on clean pictures."""

from collections.abc import Sequence
from statistics import fmean

from sparseprune.errors import InputError
from sparseprune.records import Row, score, select

# Uniform noise has a figure of its own (paper 1.8); D' is the mean over the corruptions.
_NOT_SHIFTED = ("clean", "noise")


def rows(run: Sequence[Row]) -> list[Row]:
    """``excess_error`` rows, one per pruned network and runner.

    value = [l(pruned, D') - l(pruned, D)] - [l(parent, D') - l(parent, D)], where l is the top-1
    error (1 - mean IoU where networks segment), D the clean test pictures and D' the unweighted
    mean over the corruptions (paper 1.7). 0 means that pruning costs the same everywhere. No rows
    where no corruption was evaluated.

    Args:
        run: the ``network`` and ``evaluation`` rows of a run.

    Raises:
        InputError: no parent, or a network lacks the clean or all corrupted evaluations.
    """
    evaluations = select(run, "evaluation")
    if all(row["distribution"] in _NOT_SHIFTED for row in evaluations):
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
                    "value": excess(mine) - excess(dense),
                }
            )
    return found


def excess(evaluations: Sequence[Row]) -> float:
    """Excess error e = l(D') - l(D) of one network: mean error on corruptions minus clean error.

    Raises:
        InputError: ``evaluations`` hold no clean or no shifted evaluation.
    """
    errors = {row["distribution"]: 1 - float(score(row)) for row in evaluations}
    shifted = [error for name, error in errors.items() if name not in _NOT_SHIFTED]
    if "clean" not in errors or not shifted:
        raise InputError(
            "expected evaluations on clean pictures and on at least one corruption, got: "
            f"{', '.join(errors) or 'none'}"
        )
    return float(fmean(shifted) - errors["clean"])
