"""What a network trains on: pictures and what to answer to them, by number, epoch by epoch."""

from collections.abc import Sequence

import torch

from sparseprune.errors import InputError
from sparseprune.formats import checkpoint


class Pictures:
    """Normalised pictures in memory, the same in every epoch.

    Attributes:
        shape: [N, C, H, W].
        black: see ``__init__``.
    """

    shape: tuple[int, ...]

    def __init__(self, images: torch.Tensor, black: Sequence[float] | None = None) -> None:
        """Keep ``images``, float [N, C, H, W].

        ``black`` is what a black pixel is after normalisation, per channel: random crops pad with
        it, as the study pads before it normalises. The mean colour (zero) where it is not given.
        """
        self.images = images
        self.shape = tuple(images.shape)
        self.black = black

    def __len__(self) -> int:
        return self.shape[0]

    def batch(self, epoch: int, chosen: torch.Tensor) -> torch.Tensor:
        """The pictures ``chosen`` (int64 numbers) as ``epoch`` shows them, [n, C, H, W]."""
        return self.images[chosen]


class Targets:
    """What to answer, in memory: int64 [N]; [N, K] of several classes; or [N, H, W] of pixels.

    See ``losses.loss`` for which do not count.

    Attributes:
        shape: of all of them.
    """

    shape: tuple[int, ...]

    def __init__(self, labels: torch.Tensor) -> None:
        self.labels = labels
        self.shape = tuple(labels.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def batch(self, epoch: int, chosen: torch.Tensor) -> torch.Tensor:
        """What to answer to the pictures ``chosen`` as ``epoch`` shows them."""
        return self.labels[chosen]

    def digest(self) -> str:
        """What names them in the state of a training."""
        return checkpoint.digest({"labels": self.labels})


def gather(
    images: torch.Tensor | Pictures, labels: torch.Tensor | Targets
) -> tuple[Pictures, Targets]:
    """``images`` and ``labels``, if they belong together.

    Labels are int64, one a picture [N], one a class [N, K] where a picture may show several, or
    one a pixel [N, H, W] to segment by.

    Raises:
        InputError: another type or shape.
    """
    found = images if isinstance(images, Pictures) else Pictures(images)
    targets = labels if isinstance(labels, Targets) else Targets(labels)
    held = found.images if type(found) is Pictures else None
    if len(found.shape) != 4 or (held is not None and not held.is_floating_point()):
        kind = "" if held is None else f"{_kind(held)} "
        raise InputError(
            f"expected float pictures of shape [N, C, H, W], got {kind}{list(found.shape)}; "
            "normalise them first"
        )
    right = len(targets.shape) in (1, 2) or targets.shape[1:] == found.shape[2:]
    whole = type(targets) is not Targets or targets.labels.dtype == torch.int64
    if not (right and whole) or len(targets) != len(found):
        kind = _kind(targets.labels) if type(targets) is Targets else "int64"
        raise InputError(
            f"expected {len(found)} int64 labels, one per picture (or one per pixel), got "
            f"{kind} {list(targets.shape)}"
        )
    if len(found) == 0:
        raise InputError("expected at least one picture, got none")
    return found, targets


def _kind(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
