"""Settings of one pruning method: how, how far, and by which steps."""

import itertools
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from sparseprune.recipe.grids import GRIDS
from sparseprune.recipe.section import Section

Ratio = Annotated[float, Field(gt=0, lt=1)]
Unit = Literal["params", "weights", "channels", "flops"]
Method = Literal[
    "WT",
    "SiPP",
    "SiPPRand",
    "SiPPHybrid",
    "SNIP",
    "Taylor",
    "LAMP",
    "Random",
    "FT",
    "SoftFilter",
    "RandomFilter",
    "TaylorFilter",
    "ThiNet",
    "PFP",
    "PFPRand",
    "PFPTop",
]


class Prune(Section):
    """One method on a grid of ratios, each reached by pruning and retraining.

    ``ratios`` are numbers, or the name of one of the study's grids (``recipe.grids``).
    ``unit`` says what they count: of all parameters (the study's), of prunable weights,
    of channels, or of the multiply-accumulates that prunable layers spend.

    ``schedule`` says from where: ``iterative`` reaches each ratio from the one before,
    ``one_shot`` each straight from the parent; both prune before the retraining, in ``steps``
    consecutive steps that each remove the same part of what is left and look at the network anew
    (the study: 3). ``gradual`` starts at the parent too, and prunes ``steps`` times during the
    first part, ``until``, of the retraining, by the cubic of Zhu and Gupta (2017).

    ``coupling`` is for filter methods: ``group`` prunes channels that a residual sum ties together
    as one; ``independent`` masks each layer alone, as the study does. ``allocation`` and
    ``pattern`` are for methods that remove single weights: ranked over the whole network or the
    same fraction of each layer; alone ("1x1"), in blocks of outputs x inputs ("4x1") or N:M.
    ``round_to`` is for filter methods: they keep a multiple of so many channels, or all.
    """

    method: Method
    ratios: list[Ratio] = Field(min_length=1)
    unit: Unit = "params"
    schedule: Literal["iterative", "one_shot", "gradual"] = "iterative"
    steps: int = Field(1, gt=0, le=1000)
    until: float = Field(0.5, gt=0, lt=1, description="gradual: part of the retraining it prunes")
    coupling: Literal["group", "independent"] = "group"
    allocation: Literal["global", "uniform"] = "global"
    pattern: str = "1x1"
    round_to: int = Field(1, gt=0)
    prune_output_layer: bool = False
    ignored_layers: list[str] = Field([])

    @field_validator("ratios", mode="before")
    @classmethod
    def _named(cls, ratios: Any) -> Any:
        if not isinstance(ratios, str):
            return ratios
        if ratios not in GRIDS:
            raise ValueError(f"expected a list of ratios or one of {', '.join(GRIDS)}")
        return GRIDS[ratios]

    @field_validator("pattern", mode="before")
    @classmethod
    def _unquoted(cls, pattern: Any) -> Any:
        """2:4 without quotes is 124 to YAML: 2 minutes and 4 seconds."""
        minutes = type(pattern) is int and pattern >= 60
        return "{}:{}".format(*divmod(pattern, 60)) if minutes else pattern

    @field_validator("ratios")
    @classmethod
    def _rising(cls, ratios: list[float]) -> list[float]:
        if any(b <= a for a, b in itertools.pairwise(ratios)):
            raise ValueError("ratios must rise from each to the next")
        return ratios

    @model_validator(mode="after")
    def _fits_schedule(self) -> "Prune":
        if self.schedule == "gradual" and self.steps < 2:
            raise ValueError(
                "schedule gradual: expected steps of 2 or more (how often it prunes during a "
                "retraining), got 1; set steps, such as 10"
            )
        return self
