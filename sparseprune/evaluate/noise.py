"""Functional distance under noise: how alike networks answer, and how far one can be pruned (1.8).

A draw adds the same noise to the same pictures for every network. Whatever is measured is averaged
over the pictures of a draw first; mean and deviation are then those over the draws.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
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

# Noisy values at once: 1000 pictures of CIFAR, or a hundred of ImageNet.
_VALUES = 1 << 24


def noisy(
    pictures: Pictures, width: float, seed: Sequence[int]
) -> Iterator[tuple[slice, Pictures]]:
    """One draw: normalised pictures plus noise uniform in [-width, width), not clipped.

    Made some pictures at a time, with their places: all copies of the study would be 18 GB. The
    noise depends on the seed alone, and that of one width is that of another, scaled.
    """
    generator = np.random.default_rng(list(seed))
    step = max(1, _VALUES // math.prod(pictures.shape[1:]))
    for start in range(0, len(pictures), step):
        places = slice(start, min(start + step, len(pictures)))
        part = pictures[places]
        random = generator.random(part.shape, dtype=np.float32)
        yield places, part + (2 * random - 1) * np.float32(width)


def compare(
    pictures: Pictures,
    labels: Labels,
    networks: Mapping[str, Runner],
    parent: str,
    *,
    widths: Sequence[float],
    draws: int,
    seed: int = 0,
    progress: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> list[Row]:
    """``noise`` rows, one per network and width.

    Args:
        pictures: normalised test pictures [N, C, H, W] (the study: 1000 at random).
        labels: [N].
        networks: by id. A dense one of another seed is the yardstick for the pruned.
        parent: id of the network that the others are compared with.
        widths: half-widths of the noise, in units of normalised pictures (the study: 0 to 0.7).
        draws: copies of each picture, at least 2 (the study: 100).
        seed: of the noise.
        progress: called after every draw: how many are done, of how many, a few words.

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
    rows, done = [], 0
    for width in widths:
        found: dict[str, list[Row]] = {id: [] for id in networks}
        for number in range(draws):
            shown = noisy(pictures, width, (seed, number))
            for id, value in _draw(shown, labels, networks, parent).items():
                found[id].append(value)
            done += 1
            progress(done, draws * len(widths), f"noise of {width:g}")
        rows += [_row(id, width, len(labels), values) for id, values in found.items()]
    return rows


def potentials(rows: Sequence[Row], delta: float) -> list[Row]:
    """``noise_potential`` rows, one per method and width: the potential of each draw, averaged.

    Args:
        rows: the ``network`` and ``noise`` rows of a run.
        delta: margin, a fraction of the pictures.

    Returns:
        Rows with ``potential``, the mean over draws, and ``deviation``, the median of the distances
        from that mean.
    """
    (parent,) = select(rows, "network", role="parent")
    pruned = select(rows, "network", role="pruned")
    correct = {(row["id"], row["width"]): row["correct"] for row in select(rows, "noise")}
    found = []
    for method in dict.fromkeys(row["method"] for row in pruned):
        ratios = [(row["ratio"], row["id"]) for row in pruned if row["method"] == method]
        for dense in select(rows, "noise", id=parent["id"]):
            grid = [(ratio, correct[id, dense["width"]]) for ratio, id in ratios]
            each = [
                potential([(ratio, it[draw]) for ratio, it in grid], most, dense["total"], delta)[0]
                for draw, most in enumerate(dense["correct"])
            ]
            mean = fmean(each)
            row = {"kind": "noise_potential", "method": method, "width": dense["width"]}
            deviation = median(abs(value - mean) for value in each)
            found.append({**row, "potential": mean, "deviation": deviation})
    return found


def _draw(
    shown: Iterator[tuple[slice, Pictures]],
    labels: Labels,
    networks: Mapping[str, Runner],
    parent: str,
) -> dict[str, Row]:
    """Agreement and softmax distance of each network as means over pictures; how many it got."""
    sums = {id: [0, 0.0, 0] for id in networks}
    for places, batch in shown:
        reference = networks[parent].predict(batch)
        for id, runner in networks.items():
            logits = reference if id == parent else runner.predict(batch)
            sums[id][0] += metrics.agreement(logits, reference)
            sums[id][1] += metrics.softmax_distance(logits, reference) * len(batch)
            sums[id][2] += metrics.correct(logits, labels[places])
    total = len(labels)
    return {
        id: {"agreement": same / total, "softmax_distance": apart / total, "correct": correct}
        for id, (same, apart, correct) in sums.items()
    }


def _row(id: str, width: float, total: int, draws: Sequence[Row]) -> Row:
    agreement, distance, correct = (
        [draw[name] for draw in draws] for name in ("agreement", "softmax_distance", "correct")
    )
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
