"""Functional distance under noise: how alike networks answer, and how far one can be pruned (1.8).

A draw adds the same noise to the same pictures for every network. Whatever is measured is averaged
over the pictures of a draw first; mean and deviation are then those over the draws.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, median, stdev

import numpy as np
import numpy.typing as npt

from sparseprune.errors import InputError
from sparseprune.evaluate import metrics
from sparseprune.evaluate.metrics import Labels
from sparseprune.evaluate.potential import potential
from sparseprune.records import Row, select
from sparseprune.runtime import Runner

Pictures = npt.NDArray[np.float32]

#: Half-widths of the noise and draws of each, as in the study.
WIDTHS = tuple(round(0.05 * step, 2) for step in range(15))
DRAWS = 100


def noisy(pictures: Pictures, width: float, draws: int, seed: int) -> Iterator[Pictures]:
    """``draws`` copies of normalised pictures plus noise uniform in [-width, width), not clipped.

    Made one at a time: all copies of the study would be 18 GB. A draw depends on (seed, its
    number), and the noise of one width is that of another, scaled.
    """
    for number in range(draws):
        random = np.random.default_rng([seed, number]).random(pictures.shape, dtype=np.float32)
        yield pictures + (2 * random - 1) * np.float32(width)


def compare(
    pictures: Pictures,
    labels: Labels,
    networks: Mapping[str, Runner],
    parent: str,
    *,
    widths: Sequence[float] = WIDTHS,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Row]:
    """``noise`` rows, one per network and width.

    Args:
        pictures: normalised test pictures [N, C, H, W] (the study: 1000 at random).
        labels: [N].
        networks: by id. A dense one of another seed is the yardstick for the pruned.
        parent: id of the network that the others are compared with.
        widths: half-widths of the noise, in units of normalised pictures.
        draws: copies of each picture, at least 2.
        seed: of the noise.

    Returns:
        Rows with ``agreement`` (share of equal labels) and ``softmax_distance`` as means over
        draws, ``agreement_std`` and ``softmax_distance_std`` (unbiased) over draws, and
        ``correct``, the pictures each draw got right.

    Raises:
        InputError: an unknown parent, or fewer than two draws.
    """
    if parent not in networks:
        raise InputError(f"parent: expected one of {', '.join(networks)}, got {parent!r}")
    if draws < 2:
        raise InputError(f"draws: expected at least 2 to take a deviation of, got {draws}")
    rows = []
    for width in widths:
        found: dict[str, list[tuple[float, float, int]]] = {id: [] for id in networks}
        for batch in noisy(pictures, width, draws, seed):
            reference = networks[parent].predict(batch)
            for id, runner in networks.items():
                logits = reference if id == parent else runner.predict(batch)
                found[id].append(
                    (
                        metrics.agreement(logits, reference) / len(logits),
                        metrics.softmax_distance(logits, reference),
                        metrics.correct(logits, labels),
                    )
                )
        rows += [_row(id, width, len(labels), values) for id, values in found.items()]
    return rows


def potentials(
    rows: Sequence[Row], ratios: Mapping[str, float], parent: str, delta: float
) -> list[Row]:
    """``noise_potential`` rows, one per width: the prune potential of each draw, averaged.

    Args:
        rows: what ``compare`` gave.
        ratios: achieved prune ratio of each network of the grid of one method, by id.
        parent: id of their dense network.
        delta: margin, a fraction of the pictures.

    Returns:
        Rows with ``potential``, the mean over draws, and ``deviation``, the median of the distances
        from that mean.
    """
    found = []
    for dense in select(rows, "noise", id=parent):
        width, total = dense["width"], dense["total"]
        grid = {id: select(rows, "noise", id=id, width=width)[0]["correct"] for id in ratios}
        each = [
            potential([(ratios[id], grid[id][draw]) for id in grid], correct, total, delta)[0]
            for draw, correct in enumerate(dense["correct"])
        ]
        mean = fmean(each)
        found.append(
            {
                "kind": "noise_potential",
                "width": width,
                "potential": mean,
                "deviation": median(abs(value - mean) for value in each),
            }
        )
    return found


def _row(id: str, width: float, total: int, values: Sequence[tuple[float, float, int]]) -> Row:
    agreement, distance, correct = map(list, zip(*values, strict=True))
    return {
        "kind": "noise",
        "id": id,
        "width": width,
        "total": total,
        "agreement": fmean(agreement),
        "agreement_std": stdev(agreement),
        "softmax_distance": fmean(distance),
        "softmax_distance_std": stdev(distance),
        "correct": correct,
    }
