"""What a network trains on: pictures by number, epoch by epoch."""

from collections.abc import Sequence

import torch

from sparseprune.errors import InputError


class Pictures:
    """Normalised pictures in memory, the same in every epoch."""

    def __init__(self, images: torch.Tensor, black: Sequence[float] | None = None) -> None:
        """Keep ``images``, float [N, C, H, W].

        ``black`` is what a black pixel is after normalisation, per channel: random crops pad with
        it, as the study pads before it normalises. The mean colour (zero) where it is not given.
        """
        self.images = images
        self.black = black

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, epoch: int, chosen: torch.Tensor) -> torch.Tensor:
        """The pictures ``chosen`` (int64 numbers) as ``epoch`` shows them, [n, C, H, W]."""
        return self.images[chosen]


def gather(images: torch.Tensor | Pictures, labels: torch.Tensor) -> Pictures:
    """``images`` as pictures, if they and ``labels`` belong together.

    Labels are int64, one a picture [N], or one a pixel [N, H, W] to segment by.

    Raises:
        InputError: another type or shape.
    """
    found = images if isinstance(images, Pictures) else Pictures(images)
    shape, kind = list(found.images.shape), _kind(found.images)
    if len(shape) != 4 or not (found.images.is_floating_point() or type(found) is not Pictures):
        raise InputError(
            f"expected float pictures of shape [N, C, H, W], got {kind} {shape}; "
            "normalise them first"
        )
    right = labels.dim() == 1 or list(labels.shape[1:]) == shape[2:]
    if not right or labels.dtype != torch.int64 or len(labels) != len(found):
        raise InputError(
            f"expected {len(found)} int64 labels, one per picture (or one per pixel), got "
            f"{_kind(labels)} {list(labels.shape)}"
        )
    if len(found) == 0:
        raise InputError("expected at least one picture, got none")
    return found


def _kind(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
