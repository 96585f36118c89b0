"""Random crops and flips of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from sparseprune.recipe import Train


@dataclass(frozen=True)
class Draws:
    """What is done to each picture of a batch.

    Attributes:
        corners: int64 [n, 2], upper left corner of the crop in the padded picture; None: no crop.
        mirrored: bool [n]; None: no flips.
    """

    corners: torch.Tensor | None
    mirrored: torch.Tensor | None

    def part(self, rows: slice) -> "Draws":
        """The draws of some pictures of the batch."""
        return Draws(*(None if it is None else it[rows] for it in (self.corners, self.mirrored)))


def draw(count: int, settings: Train, generator: torch.Generator) -> Draws:
    """Uniform crops and fair flips for ``count`` pictures, where ``settings`` ask for them."""
    corners = mirrored = None
    if settings.crop:
        corners = torch.randint(2 * settings.crop + 1, (count, 2), generator=generator)
    if settings.flip:
        mirrored = torch.rand(count, generator=generator) < 0.5
    return Draws(corners, mirrored)


def augment(
    batch: torch.Tensor, draws: Draws, padding: int, fill: Sequence[float] | None = None
) -> torch.Tensor:
    """``batch`` [n, C, H, W] cropped and mirrored as drawn; its type and memory format stay.

    A crop is of the picture's own size, out of the picture padded by ``padding`` pixels of
    ``fill`` (one value a channel, zero by default) on each side.
    """
    if draws.corners is not None:
        batch = _crop(batch, draws.corners.to(batch.device), padding, fill)
    if draws.mirrored is not None:
        mirrored = draws.mirrored.to(batch.device)[:, None, None, None]
        batch = torch.where(mirrored, batch.flip(3), batch)
    return batch


def augment_labels(labels: torch.Tensor, draws: Draws, padding: int, fill: int) -> torch.Tensor:
    """Labels of pixels [n, H, W] moved with their pictures; labels of pictures as they are."""
    if labels.dim() < 3:
        return labels
    return augment(labels[:, None], draws, padding, [fill])[:, 0]


def _crop(
    batch: torch.Tensor, corners: torch.Tensor, padding: int, fill: Sequence[float] | None
) -> torch.Tensor:
    count, channels, height, width = batch.shape
    padded = functional.pad(batch, [padding] * 4)
    if fill is not None:
        inside = functional.pad(batch.new_ones(1, 1, height, width), [padding] * 4).bool()
        values = batch.new_tensor(fill).reshape(1, channels, 1, 1)
        padded = torch.where(inside, padded, values)
    rows = corners[:, :1] + torch.arange(height, device=batch.device)
    columns = corners[:, 1:] + torch.arange(width, device=batch.device)
    picture = torch.arange(count, device=batch.device).reshape(-1, 1, 1, 1)
    channel = torch.arange(channels, device=batch.device).reshape(1, -1, 1, 1)
    cropped = padded[picture, channel, rows[:, None, :, None], columns[:, None, None, :]]
    like = torch.empty_like(batch)
    return like.copy_(cropped)
