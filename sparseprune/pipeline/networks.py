"""The networks of a run: which there are, what each comes from, how each is deployed."""

from dataclasses import dataclass
from typing import Literal

from sparseprune.prune import METHODS
from sparseprune.recipe import Control, Prune, Recipe

PARENT, SEPARATE = "parent", "separate"


@dataclass(frozen=True)
class Network:
    """One network of a run.

    Attributes:
        id: its name, and that of its files.
        role: parent, separate, pruned or control.
        seed: of its first weights and its training.
        source: id of the network it is pruned from or made after.
        pruning: how it is pruned.
        target: ratio it is pruned to; of a small control, that of the networks it is as large as.
        unit: what the target counts.
        control: which of the recipe's controls it is.
        cycles: of a control, how many retrainings those it is compared with have had.
    """

    id: str
    role: str
    seed: int
    source: str | None = None
    pruning: Prune | None = None
    target: float = 0.0
    unit: str = "params"
    control: Control | None = None
    cycles: int = 0

    @property
    def task(self) -> str:
        """The name of the task that makes it."""
        return f"{'prune' if self.pruning else 'train'} {self.id}"

    def course(self, recipe: Recipe) -> Literal["train", "retrain"]:
        """The section of ``recipe`` that says by which schedule it is trained."""
        first = self.source is None or self.control == "small"
        return "train" if first or recipe.retrain.rewinds else "retrain"

    @property
    def slims(self) -> bool:
        """Whether channels leave the tensors; single weights cannot, their zeros run sparse."""
        return self.pruning is not None and METHODS[self.pruning.method].removes == "filters"

    @property
    def provider(self) -> str:
        """Sparse networks run on our provider; dense and slimmed ones on the CPU provider."""
        return "cpu" if self.slims or self.pruning is None else "auto"

    @property
    def has_twin(self) -> bool:
        """The others are only yardsticks; what their deployment changes is of no use."""
        return self.role in ("parent", "pruned")


def networks(recipe: Recipe) -> list[Network]:
    """Every network of a run: the parent, the separate one, those of each method, the controls.

    The separate network differs from the parent in its seed alone; how far it is from the parent
    is the yardstick for how far pruning moves a network (paper 1.8).
    """
    found = [
        Network(PARENT, "parent", recipe.seed),
        Network(SEPARATE, "separate", recipe.seed + 1),
    ]
    for pruning in recipe.prune:
        source = PARENT
        for target in pruning.ratios:
            name = f"{pruning.method}-{_percent(target)}"
            found.append(
                Network(name, "pruned", recipe.seed, source, pruning, target, pruning.unit)
            )
            source = name if pruning.schedule == "iterative" else PARENT
    makers = {"extended": _extended, "small": _small}
    return [*found, *(network for name in recipe.controls for network in makers[name](recipe))]


def _extended(recipe: Recipe) -> list[Network]:
    """A chain as long as the longest of the pruned."""
    found: list[Network] = []
    for cycle in range(1, max(_cycles(recipe).values()) + 1):
        source = found[-1].id if found else PARENT
        network = Network(
            f"extended-{cycle}", "control", recipe.seed, source, control="extended", cycles=cycle
        )
        found.append(network)
    return found


def _small(recipe: Recipe) -> list[Network]:
    """One for each ratio, whichever methods prune to it."""
    return [
        Network(
            f"small-{_percent(target)}{'' if unit == 'params' else f'-{unit}'}",
            "control",
            recipe.seed,
            PARENT,
            target=target,
            unit=unit,
            control="small",
            cycles=cycles,
        )
        for (unit, target), cycles in _cycles(recipe).items()
    ]


def _cycles(recipe: Recipe) -> dict[tuple[str, float], int]:
    """For each unit and ratio, the most retrainings a network has had that is pruned to it."""
    found: dict[tuple[str, float], int] = {}
    for pruning in recipe.prune:
        for place, target in enumerate(pruning.ratios, start=1):
            cycles = place if pruning.schedule == "iterative" else 1
            key = (pruning.unit, target)
            found[key] = max(cycles, found.get(key, 0))
    return found


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.10g}"
