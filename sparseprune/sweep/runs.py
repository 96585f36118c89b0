"""The runs of a sweep: one recipe for each network and seed."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sparseprune.errors import InputError
from sparseprune.recipe import Recipe, Variant, check


@dataclass(frozen=True)
class Run:
    """One network with one seed.

    Attributes:
        model: what tells its network from the others of the sweep.
        recipe: what ``sparseprune run`` would be given.
    """

    model: str
    recipe: Recipe

    @property
    def name(self) -> str:
        """Its folder's name."""
        return f"{self.model}-seed{self.recipe.seed}"

    def with_seed(self, seed: int) -> Recipe:
        """The recipe of the same network with another seed."""
        return _seeded(self.recipe, seed)


def runs(recipe: Recipe) -> list[Run]:
    """Every run of a sweep, network by network.

    Raises:
        InputError: the recipe has no section ``sweep``, or a network's own sections do not fit it.
    """
    if recipe.sweep is None:
        raise InputError(
            "expected a recipe with a section 'sweep', found none; add sweep: {seeds: [0, 1, 2]}"
        )
    model = recipe.model
    variants = recipe.sweep.models or [Variant(name=model.name, options=model.options)]
    return [
        Run(label, _seeded(_own(recipe, variant), seed))
        for label, variant in zip(_labels(variants), variants, strict=True)
        for seed in recipe.sweep.seeds
    ]


def _own(recipe: Recipe, variant: Variant) -> Recipe:
    """Checked as a whole: sections that are right each may not fit together."""
    given = {key: it for key, it in variant.model_dump(mode="json").items() if it is not None}
    model = {key: given.pop(key) for key in ("name", "options")}
    document = {**recipe.model_dump(mode="json"), "sweep": None, "model": model, **given}
    return check(Recipe, document, f"sweep.models, {variant.name}")


def _seeded(recipe: Recipe, seed: int) -> Recipe:
    return recipe.model_copy(update={"seed": seed})


def _labels(variants: list[Variant]) -> Iterator[str]:
    """Names that can be file names; of networks with one name, all but the first are numbered."""
    seen: Counter[str] = Counter()
    for variant in variants:
        label = re.sub(r"[^A-Za-z0-9._-]+", "-", variant.name).strip("-.") or "network"
        seen[label] += 1
        yield label if seen[label] == 1 else f"{label}-{seen[label]}"
