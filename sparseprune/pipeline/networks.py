"""The networks of a run: which there are, what each comes from, how each is deployed."""

from dataclasses import dataclass

from sparseprune.prune import METHODS
from sparseprune.recipe import Prune, Recipe

PARENT, SEPARATE = "parent", "separate"


@dataclass(frozen=True)
class Network:
    """One network of a run. ``source`` is the id of the network it is pruned from."""

    id: str
    role: str
    seed: int
    source: str | None = None
    pruning: Prune | None = None
    target: float = 0.0

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
        """The separate network is only a yardstick; what its deployment changes is of no use."""
        return self.id != SEPARATE


def networks(recipe: Recipe) -> list[Network]:
    """Every network of a run: the parent, the separate one, and a chain for each method.

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
            name = f"{pruning.method}-{100 * target:.10g}"
            found.append(Network(name, "pruned", recipe.seed, source, pruning, target))
            source = name
    return found
