"""Settings of a sweep: the seeds and the networks that a recipe is run with."""

from typing import Annotated, Any

from pydantic import Field, JsonValue, field_validator

from sparseprune.recipe.pruning import Prune
from sparseprune.recipe.section import Section
from sparseprune.recipe.training import Retrain, Train

Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Variant(Section):
    """One network of a sweep: an architecture, and what of the recipe is different for it.

    ``name`` and ``options`` are those of the recipe's section ``model``. A name alone will do.
    ``train``, ``retrain`` and ``prune`` stand instead of the recipe's own sections.
    """

    name: str
    options: dict[str, JsonValue] = Field({})
    train: Train | None = None
    retrain: Retrain | None = None
    prune: list[Prune] | None = Field(None, min_length=1)


class Sweep(Section):
    """Every network of ``models`` with every seed; none named: the recipe's own model.

    Methods and ratios are those of the recipe's ``prune``.
    """

    seeds: list[Seed] = Field(min_length=1)
    models: list[Variant] = Field([])

    @field_validator("models", mode="before")
    @classmethod
    def _names(cls, models: Any) -> Any:
        if not isinstance(models, list):
            return models
        return [{"name": model} if isinstance(model, str) else model for model in models]

    @field_validator("seeds")
    @classmethod
    def _each_seed_once(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("each seed may stand once")
        return seeds
