"""What networks are evaluated on."""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from sparseprune.recipe.section import Section


class Published(Section):
    """Folders of published shift sets to evaluate on, beside the generated corruptions.

    ``cifar10_c`` and ``imagenet_c`` are shown at ``evaluate.severity``, with the corruptions of
    ``evaluate.corruptions``. ``limit`` keeps the first N pictures of each, class by class.
    """

    cifar10_1: Path | None = None
    cifar10_1_version: Literal["v4", "v6"] = "v6"
    cifar10_c: Path | None = None
    imagenet_c: Path | None = None
    objectnet: Path | None = None
    objectnet_border: int = Field(3, ge=0, le=10, description="pixels of frame to cut off")
    limit: int | None = Field(None, gt=0)
    checksums: bool = Field(True, description="refuse files that are not the published ones")


class NoiseSimilarity(Section):
    """How alike networks answer under noise, and how far they can be pruned (the study's 1.8).

    Each of at most ``pictures`` random test pictures is shown ``draws`` times with noise of each of
    the ``widths``, half-widths in units of normalised pictures. The study's by default.
    """

    widths: list[Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        [round(0.05 * step, 2) for step in range(15)], min_length=1
    )
    draws: int = Field(100, ge=2)
    pictures: int = Field(1000, gt=0)

    @field_validator("widths")
    @classmethod
    def _rising(cls, widths: list[float]) -> list[float]:
        if any(low >= high for low, high in pairwise(widths)):
            raise ValueError("expected rising widths")
        return widths


class Evaluate(Section):
    """Which shifts, and the margin of the prune potential (0.005 = 0.5 percentage points).

    ``generated`` off leaves the corruptions to published sets of them. ``noise_similarity`` adds
    what the study asks of networks under noise: {} for its own numbers, which take hours.
    """

    delta: float = Field(0.005, ge=0, lt=1)
    severity: int = Field(3, ge=1, le=5)
    corruptions: Literal["all"] | list[str] = "all"
    noise: float = Field(0.2, ge=0, description="half-width of uniform noise, normalised units")
    frost_textures: Path | None = Field(None, description="folder with the original frost pictures")
    generated: bool = Field(True, description="corrupt the test pictures ourselves")
    published: Published = Published()
    noise_similarity: NoiseSimilarity | None = None
