"""Which blocks the zeros of a layer fit in, and which of them promise most."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sparseprune.accelerator.layer import Layer

# Output rows of a block, and the part of a dense product's speed that kernels reach on what such
# blocks keep. Estimated from the traffic between cache and multiprocessors; they order attempts,
# whose times decide.
EFFICIENCY = {16: 0.15, 32: 0.28, 64: 0.45, 128: 0.65}
# Bytes of the inputs of a block, as ``sparseprune.kernels.grouped_weight`` takes them.
PIECES = (16, 32, 64, 128)
# Above this nothing is left to win over a dense layer.
DENSEST = 0.8
SEGMENTS = (256, 128, 64, 32, 16)


@dataclass(frozen=True)
class Fit:
    """Blocks of ``rows`` outputs x ``width`` inputs.

    Attributes:
        density: weights in blocks that are kept, in part or whole, / all weights.
        permuted: whether outputs with the same zeros are put side by side first.
    """

    rows: int
    width: int
    density: float = 1.0
    permuted: bool = False
    dense: bool = False

    @property
    def words(self) -> str:
        """For people: 64 x 16."""
        return f"{self.rows}x{self.width}" + (" perm" if self.permuted else "")


def dense_fit(layer: Layer) -> Fit:
    """The blocks for a layer that keeps all."""
    n, channels = layer.weight.shape[:2]
    rows = _rows(n)[-1]
    widths = [size // layer.weight.itemsize for size in PIECES]
    whole = [width for width in widths if channels % width == 0]
    return Fit(rows, whole[-1] if whole else widths[0], dense=True)


def fits(layer: Layer, *, single: bool = False) -> list[Fit]:
    """Blocks that leave much out, the most promising first, at most one for each number of rows.

    Args:
        layer: its zeros are the ones that may be skipped.
        single: blocks of one input.
    """
    found = list(_measured(layer, single))
    found.sort(key=lambda fit: (_cost(fit, layer.weight.shape[0]), -fit.width))
    best: dict[int, Fit] = {}
    for fit in found:
        best.setdefault(fit.rows, fit)
    return [fit for fit in best.values() if fit.density <= DENSEST]


def closest(layer: Layer) -> Fit:
    """The blocks that leave most out, however little that is."""
    return min(_measured(layer, False), key=lambda fit: (fit.density, -fit.rows * fit.width))


def segments(weight: Tensor) -> tuple[int, int, float]:
    """Segment and count that store the fewest weights [N, K], and stored weights / weights."""
    n, k = weight.shape
    found = []
    for segment in SEGMENTS:
        padded = torch.nn.functional.pad(weight != 0, (0, -k % segment))
        parts = padded.view(n, -1, segment).sum(2)
        count = max(1, int(parts.max()))
        found.append((parts[0].numel() * count / k, -segment, count))
    stored, segment, count = min(found)
    return -segment, count, stored


def _measured(layer: Layer, single: bool) -> Iterator[Fit]:
    widths = [1] if single else [size // layer.weight.itemsize for size in PIECES]
    for width in widths:
        kept = _pieces(layer.weight != 0, width)
        ordered = kept[_alike(kept)]
        for rows in _rows(len(kept)):
            plain, permuted = _density(kept, rows), _density(ordered, rows)
            # Reordered rows are stored one by one, so it must be worth something.
            reorder = permuted < 0.9 * plain
            yield Fit(rows, width, permuted if reorder else plain, reorder)


def _cost(fit: Fit, outputs: int) -> float:
    filled = outputs / (-(-outputs // fit.rows) * fit.rows)
    return fit.density / filled / EFFICIENCY[fit.rows]


def _rows(outputs: int) -> list[int]:
    """Heights of blocks of which no more than half may lie beyond the outputs."""
    smallest = min(EFFICIENCY)
    return [rows for rows in EFFICIENCY if rows < 2 * outputs or rows == smallest]


def _pieces(mask: Tensor, width: int) -> Tensor:
    """[N, K / width] bool of a mask [N, C, ...], tap by tap: which pieces a row reads."""
    n, channels = mask.shape[:2]
    taps = mask.reshape(n, channels, -1).transpose(1, 2)
    padded = torch.nn.functional.pad(taps, (0, -channels % width))
    return padded.reshape(n, -1, width).any(2)


def _alike(kept: Tensor) -> Tensor:
    """An order of rows that puts equal ones side by side, as ``grouped_weight.row_order``."""
    patterns, pattern = torch.unique(kept, dim=0, return_inverse=True)
    rank = patterns.sum(1).argsort(descending=True, stable=True).argsort()
    order: Tensor = rank[pattern].argsort(stable=True)
    return order


def _density(kept: Tensor, rows: int) -> float:
    """Pieces that some row of a group of ``rows`` keeps / pieces."""
    padded = torch.nn.functional.pad(kept, (0, 0, 0, -len(kept) % rows))
    return float(padded.view(-1, rows, kept.shape[1]).any(1).float().mean())
