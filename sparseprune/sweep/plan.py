"""The stages of a sweep: the graphs of its runs, laid over one another by address."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sparseprune import models
from sparseprune.pipeline import stages, steps
from sparseprune.pipeline.folder import RunFolder
from sparseprune.pipeline.networks import PARENT, SEPARATE, networks
from sparseprune.pipeline.schedule import Task
from sparseprune.recipe import Recipe
from sparseprune.sweep import cost
from sparseprune.sweep.address import address
from sparseprune.sweep.cost import Cost
from sparseprune.sweep.runs import Run, runs

_HERE = RunFolder(Path())
# The network another seed trained as its parent, under the names it has in this run.
_AS_SEPARATE = tuple(
    (str(path(PARENT)), str(path(SEPARATE)))
    for path in (_HERE.checkpoint, lambda id: _HERE.records(f"training-{id}"))
)


@dataclass(frozen=True)
class Placed:
    """Files of a stage in a run: all, or those ``renamed`` (was, is) under other names."""

    address: str
    renamed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Stage:
    """One piece of work.

    Attributes:
        address: what it computes.
        run: name of the first run that needs it.
        task: its name in that run's graph.
        recipe: of that run.
        shown: names of the shifts the recipe shows.
        needs: addresses of the stages that come before it.
        inputs: files it finds in its folder: of those stages, and of all before them.
        cost: what it takes.
    """

    address: str
    run: str
    task: str
    recipe: Recipe
    shown: tuple[str, ...]
    needs: tuple[str, ...]
    inputs: tuple[Placed, ...]
    cost: Cost

    @property
    def kind(self) -> str:
        """The first word of the task's name."""
        return self.task.partition(" ")[0]

    @property
    def label(self) -> str:
        """A name no other stage of the sweep has."""
        return f"{self.run} {self.task}"


@dataclass(frozen=True)
class Plan:
    """Everything a sweep makes.

    Attributes:
        runs: in the order of their networks and seeds.
        stages: by address; each after those it needs.
        places: of each run, its tasks and the stages that do them.
    """

    runs: tuple[Run, ...]
    stages: dict[str, Stage]
    places: dict[str, dict[str, Placed]]


def plan(recipe: Recipe) -> Plan:
    """What a sweep makes; finds fault with every network of it before any training.

    Raises:
        InputError: a run's data, network or shifts cannot be made.
    """
    found = runs(recipe)
    result = Plan(tuple(found), {}, {})
    looks: dict[str, _Look] = {}
    for run in found:
        if run.model not in looks:
            looks[run.model] = _look(run.recipe)
        result.places[run.name] = _Layer(run, looks[run.model], result.stages).laid()
    return result


@dataclass(frozen=True)
class _Look:
    """What has to be read or built to plan the runs of one network."""

    shown: tuple[str, ...]
    content: tuple[str, ...]
    scale: cost.Scale


def _look(recipe: Recipe) -> _Look:
    shown = stages.distributions(recipe)
    learn, test = steps.pictures(recipe.data)
    content = (learn.digest, test.digest, models.own.digest(recipe.model.name))
    return _Look(tuple(shown), content, cost.scale(recipe, learn, test))


@dataclass
class _Layer:
    """One run's graph on its way into the plan."""

    run: Run
    look: _Look
    stages: dict[str, Stage]
    placed: dict[str, Placed] = field(default_factory=dict)
    before: dict[str, tuple[Placed, ...]] = field(default_factory=dict)

    def laid(self) -> dict[str, Placed]:
        tasks = stages.graph(_HERE, self.run.recipe, self.look.shown)
        waiting = {task.name: task for task in tasks}
        while waiting:
            ready = [task for task in waiting.values() if self.placed.keys() >= set(task.after)]
            for task in ready:
                self._lay(waiting.pop(task.name))
        return self.placed

    def _lay(self, task: Task) -> None:
        found = {network.id: network for network in networks(self.run.recipe)}
        network = found.get(task.name.partition(" ")[2])
        recipe, name = self.run.recipe, task.name
        separate = name == f"train {SEPARATE}"
        if separate and network is not None:
            recipe, name = self.run.with_seed(network.seed), f"train {PARENT}"
        needs = tuple(self.placed[other].address for other in task.after)
        own = address(name, recipe, network, self.look.content, needs)
        inputs = self._inputs(task.after)
        if own not in self.stages:
            run = Run(self.run.model, recipe).name
            price = cost.cost(name, recipe, network, self.look.scale)
            stage = Stage(own, run, name, recipe, self.look.shown, needs, inputs, price)
            self.stages[own] = stage
        self.placed[task.name] = Placed(own, _AS_SEPARATE if separate else ())
        self.before[task.name] = inputs

    def _inputs(self, after: Sequence[str]) -> tuple[Placed, ...]:
        found = [placed for other in after for placed in self.before[other]]
        return tuple(dict.fromkeys([*found, *(self.placed[other] for other in after)]))
