"""Which pictures each step sees."""

import torch

Spans = list[tuple[int, int]]


def spans(images: int, size: int) -> Spans:
    """Start and stop of each batch of an epoch; a last batch of one picture is dropped."""
    every = [(start, min(start + size, images)) for start in range(0, images, size)]
    return [span for span in every if span[1] - span[0] > 1 or images == 1 or size == 1]


class Order:
    """All pictures in a new order each epoch, batch by batch, from any step on.

    Attributes:
        step: the step whose batch comes next.
        permutation: the order of the present epoch; None before the first batch.
    """

    def __init__(
        self, images: int, spans: Spans, generator: torch.Generator, step: int = 0
    ) -> None:
        self._images, self._spans, self._generator = images, spans, generator
        self.step = step
        self.permutation: torch.Tensor | None = None

    def draw(self) -> tuple[int, torch.Tensor]:
        """The epoch and the picture numbers of the next batch."""
        epoch, place = divmod(self.step, len(self._spans))
        if self.permutation is None or place == 0:
            self.permutation = torch.randperm(self._images, generator=self._generator)
        start, stop = self._spans[place]
        self.step += 1
        return epoch, self.permutation[start:stop]


def epoch_means(losses: list[float], spans: Spans, start: int) -> list[float]:
    """Mean loss of a picture in each epoch, of losses from step ``start`` on."""
    totals: dict[int, list[float]] = {}
    for step, loss in enumerate(losses, start):
        epoch, place = divmod(step, len(spans))
        size = spans[place][1] - spans[place][0]
        total = totals.setdefault(epoch, [0.0, 0.0])
        total[0] += loss * size
        total[1] += size
    return [loss / size for loss, size in totals.values()]
