"""A typed view of a run's rows: what exists, in reading order, with missing values as None."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from statistics import fmean
from typing import Any, Literal

from sparseprune.records import QUALITIES, Row, quality, score, select
from sparseprune.report import words

CLEAN, NOISE = "clean", "noise"
Pace = Literal["faster", "same", "slower"]


@dataclass(frozen=True)
class Network:
    """One ``network`` row."""

    id: str
    role: str
    method: str
    ratio: float | None
    row: Row

    @property
    def label(self) -> str:
        """Short name for figures and table heads: "FT 49.6 %"."""
        if self.role == "parent":
            return "dense parent"
        if self.role == "separate":
            return "separate network"
        if self.role == "control":
            return self._control
        return (
            f"{self.method}\u00a0{words.percent(self.ratio)}" if self.ratio is not None else self.id
        )

    @property
    def _control(self) -> str:
        cycles, target = words.number(self.row.get("cycles")), self.row.get("target_ratio")
        if self.method == "extended" and cycles is not None:
            return f"extended, {words.plural(int(cycles), 'cycle')}"
        if self.method == "small" and words.number(target) is not None:
            return f"small dense\u00a0{words.percent(target)}"
        return self.id

    @property
    def phrase(self) -> str:
        """The label inside a sentence."""
        return f"the {self.label}" if self.role in ("parent", "separate") else self.label


@dataclass(frozen=True)
class Facts:
    """What the page is made of. Every question it cannot answer from the rows gives None."""

    rows: list[Row]

    @cached_property
    def run(self) -> Row:
        """The ``run`` row, or an empty one."""
        found = select(self.rows, "run")
        return found[-1] if found else {"kind": "run"}

    @cached_property
    def networks(self) -> list[Network]:
        """Parent first, then the separate network, the pruned by method and ratio, controls."""
        found = {n.id: n for n in map(_network, select(self.rows, "network"))}
        methods = list(dict.fromkeys([*self._asked, *(n.method for n in found.values())]))
        roles = {"parent": 0, "separate": 1, "control": 3}

        def place(n: Network) -> tuple[int, int, float, float]:
            ratio = n.ratio if n.ratio is not None else 2.0
            cycles = words.number(n.row.get("cycles")) or 0.0
            return roles.get(n.role, 2), methods.index(n.method), ratio, cycles

        return sorted(found.values(), key=place)

    @cached_property
    def _asked(self) -> list[str]:
        """Methods in the order of the recipe."""
        prune = self.recipe.get("prune")
        steps = prune if isinstance(prune, list) else []
        return [words.text(step.get("method")) for step in steps if isinstance(step, dict)]

    @cached_property
    def by_id(self) -> dict[str, Network]:
        """Networks by their id."""
        return {n.id: n for n in self.networks}

    @cached_property
    def parent(self) -> Network | None:
        """The dense network everything is compared with."""
        return next((n for n in self.networks if n.role == "parent"), None)

    @cached_property
    def separate(self) -> Network | None:
        """The dense network from another seed."""
        return next((n for n in self.networks if n.role == "separate"), None)

    @cached_property
    def pruned(self) -> list[Network]:
        """Pruned networks, by method and rising ratio."""
        return [n for n in self.networks if n.role not in ("parent", "separate", "control")]

    @cached_property
    def controls(self) -> list[Network]:
        """Dense networks that pruned ones are compared with: trained longer, or smaller."""
        return [n for n in self.networks if n.role == "control"]

    @cached_property
    def methods(self) -> list[str]:
        """Methods of the pruned networks, in the recipe's order, else in that of the rows."""
        return list(dict.fromkeys(n.method for n in self.pruned))

    def of_method(self, method: str) -> list[Network]:
        """Pruned networks of one method with a known ratio, rising."""
        return [n for n in self.pruned if n.method == method and n.ratio is not None]

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """The resolved recipe, if the run row holds it."""
        recipe = self.run.get("recipe")
        return recipe if isinstance(recipe, dict) else {}

    @cached_property
    def delta(self) -> float:
        """Margin of commensurate accuracy; 0.005 is the study's (paper section 1.5)."""
        value = words.number(section(self.recipe, "evaluate").get("delta"))
        return 0.005 if value is None else value

    @cached_property
    def distributions(self) -> list[str]:
        """Evaluated distributions: clean first, uniform noise last, the rest as they came."""
        seen = dict.fromkeys(str(r.get("distribution")) for r in select(self.rows, "evaluation"))
        middle = [d for d in seen if d not in (CLEAN, NOISE)]
        return [CLEAN] * (CLEAN in seen) + middle + [NOISE] * (NOISE in seen)

    @cached_property
    def shifts(self) -> list[str]:
        """Every distribution but the clean one."""
        return [d for d in self.distributions if d != CLEAN]

    @cached_property
    def corruptions(self) -> list[str]:
        """The shifts without uniform noise."""
        return [d for d in self.shifts if d != NOISE]

    @cached_property
    def _evaluations(self) -> dict[tuple[str, str], Row]:
        """By id and distribution; the accelerated runner's row wins over the twin's."""
        rows = select(self.rows, "evaluation")
        rows.sort(key=lambda r: r.get("runner") == "accelerated")
        return {(str(r.get("id")), str(r.get("distribution"))): r for r in rows}

    def evaluation(self, network: Network | None, distribution: str) -> Row | None:
        """The row that says how the network to be deployed did on a distribution."""
        return self._evaluations.get((network.id, distribution)) if network else None

    def accuracy(self, network: Network | None, distribution: str) -> float | None:
        """Top-1 accuracy, 0 to 1, or what the network is judged by in its place."""
        row = self.evaluation(network, distribution) or {}
        if quality(row) != "accuracy":
            return words.number(row[quality(row)])
        return fraction(row.get("correct"), row.get("total"))

    @cached_property
    def judged_by(self) -> str:
        """Which of ``records.QUALITIES`` the networks are judged by."""
        found = (quality(row) for row in self._evaluations.values())
        return next((name for name in found if name != "accuracy"), "accuracy")

    @cached_property
    def quality(self) -> str:
        """What ``accuracy`` is called."""
        return QUALITIES[self.judged_by]

    def mean(self, network: Network | None, distributions: list[str]) -> float | None:
        """Mean accuracy over distributions, None if one is missing."""
        values = [self.accuracy(network, d) for d in distributions]
        return fmean(v for v in values if v is not None) if values and None not in values else None

    def worst(self, network: Network | None) -> tuple[str, float] | None:
        """The shift with the lowest accuracy and that accuracy."""
        known = [(d, a) for d in self.shifts if (a := self.accuracy(network, d)) is not None]
        return min(known, key=lambda pair: pair[1], default=None)

    def change(self, network: Network, distribution: str) -> float | None:
        """Accuracy minus the parent's on the same distribution."""
        mine, parents = (
            self.accuracy(network, distribution),
            self.accuracy(self.parent, distribution),
        )
        return None if mine is None or parents is None else mine - parents

    def holds(self, network: Network, distribution: str) -> bool | None:
        """Whether accuracy is commensurate: at most ``delta`` below the parent's (paper 1.5).

        Exact, with ``delta`` as the decimal that was written, so that the boundary is the one that
        ``evaluate`` uses.
        """
        mine, parents = (
            self.evaluation(network, distribution),
            self.evaluation(self.parent, distribution),
        )
        if self.change(network, distribution) is None or not mine or not parents:
            return None
        if mine["total"] != parents["total"]:
            return None
        return score(parents) - score(mine) <= Fraction(repr(self.delta))

    @cached_property
    def latencies(self) -> dict[str, Row]:
        """The latency row of each network id, from the setting that most rows share."""
        rows = [r for r in select(self.rows, "latency") if words.number(r.get("median_us"))]
        settings = [(r.get("threads"), r.get("batch")) for r in rows]
        common = max(settings, key=settings.count, default=None)
        chosen = [r for r, s in zip(rows, settings, strict=True) if s == common]
        return {str(r.get("id")): r for r in chosen}

    def latency(self, network: Network | None, field: str = "median_us") -> float | None:
        """One number of a network's latency row."""
        return words.number(self.latencies.get(network.id, {}).get(field)) if network else None

    def pace(self, network: Network | None) -> Pace | None:
        """Whether the network is faster than the dense parent beyond the speed-up's interval."""
        speedup = self.latency(network, "speedup")
        low, high = self.latency(network, "speedup_low"), self.latency(network, "speedup_high")
        if speedup is None:
            return None
        if low is not None and high is not None and low <= 1 <= high:
            return "same"
        return "slower" if speedup < 1 else "faster"

    def recommendation(self, method: str) -> Row | None:
        """The method's recommendation, the accelerated runner's if there are several."""
        return _preferred(select(self.rows, "recommendation", method=method))

    def potential(self, method: str, distribution: str) -> Row | None:
        """The prune potential row, the accelerated runner's if there are several."""
        found = select(self.rows, "potential", method=method, distribution=distribution)
        return _preferred([r for r in found if words.number(r.get("potential")) is not None])


def section(recipe: dict[str, Any], name: str) -> dict[str, Any]:
    """A section of the recipe, empty if it has none."""
    value = recipe.get(name)
    return value if isinstance(value, dict) else {}


def fraction(part: Any, whole: Any) -> float | None:
    """``part / whole``, None unless both are numbers and the whole is positive."""
    a, b = words.number(part), words.number(whole)
    return None if a is None or b is None or b <= 0 else a / b


def known(
    networks: Iterable[Network], value: Callable[[Network], float | None]
) -> list[tuple[Network, float]]:
    """Networks whose value exists, with it."""
    return [(n, v) for n in networks if (v := value(n)) is not None]


def _network(row: Row) -> Network:
    ratio = words.number(row.get("ratio"))
    return Network(
        id=str(row.get("id")),
        role=str(row.get("role")),
        method=str(row.get("method") or ""),
        ratio=words.number(row.get("target_ratio")) if ratio is None else ratio,
        row=row,
    )


def _preferred(rows: list[Row]) -> Row | None:
    rows = sorted(rows, key=lambda r: r.get("runner") == "accelerated")
    return rows[-1] if rows else None
