"""What this GPU can do at most: no kernel outruns memory, tensor cores and launches."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from gpu.clock import Clock
from gpu.place import Place
from sparseprune.records import Row

COPIED = 2**30
SIDE = 8192
LAUNCHES = 16


def ceilings(place: Place, clock: Clock, gpu: str) -> Iterator[Row]:
    """Rows of kind ``ceiling``: bytes moved and operations done a second."""
    size, side = (2**10, 16) if place.dry else (COPIED, SIDE)
    measured: dict[str, tuple[list[Callable[[], Tensor]], int, int]] = {
        "copy": ([_copy(place, size)], 2 * size, 0),
        "product": ([_product(place, side)], 0, 2 * side**3),
        "empty kernel": (_launches(place), 0, 0),
    }
    for peer, (calls, moved, done) in measured.items():
        us = clock.microseconds(calls)
        row: Row = {"kind": "ceiling", "case": "ceilings", "peer": peer, "zeros": "0", "gpu": gpu}
        if us is not None:
            row |= {"median_us": us, "tb_per_s": moved / us / 1e6, "tflop_per_s": done / us / 1e6}
        yield row


def _copy(place: Place, size: int) -> Callable[[], Tensor]:
    source = torch.zeros(size, dtype=torch.uint8, device=place.device)
    return partial(torch.empty_like(source).copy_, source)


def _product(place: Place, side: int) -> Callable[[], Tensor]:
    a, b = (place.random(side, side, seed=seed) for seed in (0, 1))
    return partial(torch.matmul, a, b, out=torch.empty_like(a))


def _launches(place: Place) -> list[Callable[[], Tensor]]:
    one = torch.zeros(1, device=place.device)
    return [partial(one.add_, 1)] * LAUNCHES
