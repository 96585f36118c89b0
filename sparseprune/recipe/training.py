"""Settings of training and retraining."""

import itertools
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from sparseprune.recipe.presets import PRESETS, Preset
from sparseprune.recipe.section import Section


class Distill(Section):
    """Learn from the parent's answers too (Hinton, Vinyals and Dean 2015).

    The loss is ``(1 - weight) * cross entropy + weight * T^2 * KL(parent || network)``, both
    softened by the temperature T; T^2 keeps the gradients of both terms of one size.
    """

    weight: float = Field(0.9, gt=0, le=1)
    temperature: float = Field(4.0, gt=0)


class Robust(Section):
    """Training on corrupted pictures (paper section 4).

    Each picture gets, anew every epoch, one of ``corruptions`` at a severity uniform over 0 to 5,
    where 0 leaves it clean. ``mix1`` are the nine the study trains on.
    """

    corruptions: Literal["mix1"] | list[str] = "mix1"

    @field_validator("corruptions")
    @classmethod
    def _some(cls, corruptions: Literal["mix1"] | list[str]) -> Literal["mix1"] | list[str]:
        if not corruptions:
            raise ValueError("expected 'mix1' or at least one corruption")
        return corruptions


class Train(Section):
    """SGD training.

    ``preset`` names the settings of one of the study's networks; keys beside it change them.

    The learning rate of ``one_cycle`` rises to ``lr`` over the fraction ``warmup`` of the steps and
    falls to zero. The other schedules rise linearly from zero over ``warmup_epochs`` and then
    follow their course as if they had begun at the first step: ``multi_step`` multiplies by
    ``gamma`` at each of ``milestones`` (epochs), ``poly`` is ``(1 - t/T)^power``, ``cosine`` half a
    wave down to zero.

    ``cut`` is for pictures that are cut as they are read (``imagenet``, ``voc``, ``folder`` with a
    size): their centre, a random part resized (``area``, of ImageNet), or resized at random and
    cut at a random place (``scale``, of VOC).
    """

    preset: Preset | None = None
    epochs: int = Field(5, gt=0)
    batch_size: int = Field(128, gt=0, description="of all workers together")
    lr: float = Field(0.1, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = True
    weight_decay: float = Field(5e-4, ge=0)
    schedule: Literal["one_cycle", "constant", "multi_step", "poly", "cosine"] = "one_cycle"
    warmup: float = Field(0.2, ge=0, lt=1, description="one_cycle: fraction of the steps it rises")
    warmup_epochs: float = Field(0, ge=0, description="other schedules: epochs from 0 up to lr")
    milestones: list[float] = Field([], description="multi_step: epochs at which lr falls")
    gamma: float = Field(0.1, gt=0, le=1, description="multi_step: factor at each milestone")
    power: float = Field(0.9, gt=0, description="poly: exponent")
    crop: int = Field(0, ge=0, le=64, description="pad so many pixels, crop at a random place")
    cut: Literal["centre", "area", "scale"] = Field(
        "centre", description="of pictures that are cut as they are read"
    )
    flip: bool = Field(False, description="mirror each picture left to right half of the time")
    clip: float | None = Field(None, gt=0, description="largest norm of the whole gradient")
    precision: Literal["float32", "bfloat16", "float16", "auto"] = Field(
        "float32",
        description="of convolutions and products; 16 bits need a GPU, auto is float16 on one",
    )
    distill: Distill | None = None
    robust: Robust | None = None

    @model_validator(mode="before")
    @classmethod
    def _lay_over_preset(cls, values: Any) -> Any:
        known = PRESETS.get(str(values.get("preset"))) if isinstance(values, dict) else None
        return {**known, **values} if known else values

    @field_validator("milestones")
    @classmethod
    def _rising(cls, milestones: list[float]) -> list[float]:
        if any(b <= a for a, b in itertools.pairwise([0.0, *milestones])):
            raise ValueError("milestones must rise from above 0")
        return milestones

    @model_validator(mode="after")
    def _fits_schedule(self) -> "Train":
        if self.schedule == "multi_step" and not self.milestones:
            raise ValueError("schedule multi_step: expected milestones (epochs), got none")
        if self.schedule != "multi_step" and self.milestones and not self.preset:
            raise ValueError(
                f"milestones {self.milestones}: expected schedule multi_step with them, got "
                f"{self.schedule}; set the schedule or leave milestones out"
            )
        if self.schedule == "one_cycle" and self.warmup_epochs > 0:
            raise ValueError(
                "schedule one_cycle: expected warmup (a fraction of the steps) instead of "
                "warmup_epochs; choose another schedule to count epochs"
            )
        return self


class Retrain(Train):
    """Training after each pruning (Renda, Frankle and Carbin 2020 compare the ways).

    ``restart`` runs all of this section's schedule from the present weights, warm-up included, as
    the study does; ``finetune`` runs as many epochs at the last rate of the training.
    ``rewind_lr`` goes back to epoch ``rewind`` of the *training's* schedule and runs it to its end
    from the present weights, ``rewind_weights`` from the weights that the dense network had there;
    of this section they read ``distill`` and ``robust`` alone.
    """

    mode: Literal["restart", "finetune", "rewind_lr", "rewind_weights"] = "restart"
    rewind: float = Field(0, ge=0, description="epoch of the training to go back to")

    @property
    def rewinds(self) -> bool:
        """Whether the schedule is the training's, from a later step on."""
        return self.mode in ("rewind_lr", "rewind_weights")

    @model_validator(mode="after")
    def _rewinds_if_told_where(self) -> "Retrain":
        if self.rewind and not self.rewinds:
            raise ValueError(
                f"rewind {self.rewind:g}: expected mode rewind_lr or rewind_weights with it, got "
                f"{self.mode}; set the mode or leave rewind out"
            )
        return self
