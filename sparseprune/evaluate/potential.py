"""Prune potential and the ratio to recommend, from whole counts (paper sections 1.5 and 8).

A pruned network holds on a distribution if it loses at most ``delta`` of accuracy against its own
dense parent there. In counts: correct >= parent's correct - delta * total, not strict, with delta
read as the decimal that was written, so that the boundary is exact. Mean IoU and mean average
precision are held to in the same way, as counts of which 1 is all.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeAlias

from sparseprune.errors import InputError
from sparseprune.records import Row, quality, score, select

# Pictures, or a mean.
Count: TypeAlias = int | Fraction


def holds(correct: Count, parent: Count, total: int, delta: float) -> bool:
    """Whether ``correct`` of ``total`` pictures is commensurate with the parent's count."""
    return parent - correct <= Fraction(repr(delta)) * total


def potential(
    grid: Iterable[tuple[float, Count]], parent: Count, total: int, delta: float
) -> tuple[float, bool]:
    """The largest ratio whose network holds, and whether it is the end of the grid.

    Args:
        grid: (achieved prune ratio, correct) of every network tried. All count: a smaller ratio
            that fails does not end the search, and nothing is interpolated.
        parent: what the dense parent gets right on the same pictures.
        total: pictures.
        delta: margin, a fraction of the pictures.

    Returns:
        (potential, censored): 0 if no network holds. Censored means that the largest ratio tried
        holds, so the true potential may be larger.
    """
    points = list(grid)
    held = [ratio for ratio, correct in points if holds(correct, parent, total, delta)]
    best = max(held, default=0.0)
    return best, bool(held) and best == max(ratio for ratio, _ in points)


def potentials(rows: Sequence[Row], delta: float) -> list[Row]:
    """``potential`` rows, one per method, runner and distribution.

    Args:
        rows: the ``network`` and ``evaluation`` rows of a run.
        delta: margin, a fraction of the pictures.

    Raises:
        InputError: no parent, or a network was not evaluated on a distribution others were.
    """
    found = []
    for grid in _grids(rows):
        for distribution in grid.distributions:
            best, censored = potential(
                [(ratio, grid.correct(id, distribution)) for ratio, id in grid.points],
                grid.correct(grid.parent, distribution),
                grid.total(distribution),
                delta,
            )
            found.append(
                {
                    "kind": "potential",
                    "method": grid.method,
                    "runner": grid.runner,
                    "distribution": distribution,
                    "potential": best,
                    "censored": censored,
                }
            )
    return found


def recommend(
    rows: Sequence[Row], delta: float, must_hold: Literal["all"] | Sequence[str] = "all"
) -> list[Row]:
    """``recommendation`` rows: per method and runner, the largest ratio that holds everywhere.

    Args:
        rows: the ``network`` and ``evaluation`` rows of a run.
        delta: margin, a fraction of the pictures.
        must_hold: the distributions on which one network must hold at once.

    Raises:
        InputError: ``must_hold`` names a distribution that was not evaluated.
    """
    found = []
    for grid in _grids(rows):
        wanted = _wanted(grid.distributions, must_hold)
        held = [p for p in grid.points if all(grid.holds(p[1], d, delta) for d in wanted)]
        ratio, id = max(held, default=(None, None))
        found.append(
            {
                "kind": "recommendation",
                "method": grid.method,
                "runner": grid.runner,
                "distributions": wanted,
                "ratio": ratio,
                "id": id,
            }
        )
    return found


@dataclass(frozen=True)
class _Grid:
    """The networks of one method, as one runner answered for them."""

    method: str
    runner: str
    parent: str
    points: list[tuple[float, str]]  # (achieved ratio, id), rising
    counts: Mapping[tuple[str, str], Row] = field(repr=False)  # (id, distribution) -> evaluation

    @property
    def distributions(self) -> list[str]:
        """In the order in which they were evaluated."""
        ids = {self.parent, *(id for _, id in self.points)}
        return list(dict.fromkeys(name for id, name in self.counts if id in ids))

    def correct(self, id: str, distribution: str) -> Count:
        row, parent = self._row(id, distribution), self._row(self.parent, distribution)
        if row["total"] != parent["total"]:
            raise InputError(
                f"{id} on {distribution}: expected {parent['total']} pictures as for the "
                f"parent, got {row['total']}; evaluate both on the same pictures"
            )
        return int(row["correct"]) if quality(row) == "accuracy" else score(row)

    def total(self, distribution: str) -> int:
        row = self._row(self.parent, distribution)
        return int(row["total"]) if quality(row) == "accuracy" else 1

    def holds(self, id: str, distribution: str, delta: float) -> bool:
        parent = self.correct(self.parent, distribution)
        return holds(self.correct(id, distribution), parent, self.total(distribution), delta)

    def _row(self, id: str, distribution: str) -> Row:
        if (id, distribution) not in self.counts:
            raise InputError(
                f"expected an evaluation of {id} on {distribution} ({self.runner}), found none; "
                "evaluate every network on the same distributions"
            )
        return self.counts[id, distribution]


def _grids(rows: Sequence[Row]) -> list[_Grid]:
    """One per method and runner, in order of appearance."""
    parents = [row["id"] for row in select(rows, "network", role="parent")]
    if len(parents) != 1:
        raise InputError(f"expected one network row with role 'parent', got {len(parents)}")
    methods: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for row in select(rows, "network", role="pruned"):
        methods[row["method"]].append((row["ratio"], row["id"]))
    counts: dict[str, dict[tuple[str, str], Row]] = defaultdict(dict)
    for row in select(rows, "evaluation"):
        counts[row["runner"]][row["id"], row["distribution"]] = row
    return [
        _Grid(method, runner, parents[0], sorted(points), known)
        for method, points in methods.items()
        for runner, known in counts.items()
        if any(id in {point[1] for point in points} for id, _ in known)
    ]


def _wanted(known: list[str], must_hold: Literal["all"] | Sequence[str]) -> list[str]:
    if must_hold == "all":
        return known
    unknown = [name for name in must_hold if name not in known]
    if unknown:
        raise InputError(
            f"must_hold: no evaluation on {', '.join(unknown)}; known: {', '.join(known)}"
        )
    return list(must_hold)
