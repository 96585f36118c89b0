"""Pruned weights stored small: the kept values, and where they are.

Two ways to say where. *Steps*: the distance of each kept weight's flat position from the one
before (the first from -1) in one or two bytes; a gap too long for that is bridged by stored zeros.
*Bitmask*: one bit for every position, the least significant of a byte first.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Kept:
    """A weight by its nonzero values.

    Attributes:
        shape: of the whole weight.
        positions: int64 [n], rising, in row-major order.
        values: float32 [n], none of them zero.
    """

    shape: tuple[int, ...]
    positions: Positions
    values: npt.NDArray[np.float32]

    @property
    def size(self) -> int:
        """Number of weights, zeros counted."""
        return math.prod(self.shape)

    def transposed(self) -> "Kept":
        """Of a matrix [K, N]: the matrix [N, K]."""
        rows, columns = self.shape
        moved = self.positions % columns * rows + self.positions // columns
        order = np.argsort(moved)
        return Kept((columns, rows), moved[order], self.values[order])

    def mapped(self, values: npt.NDArray[np.float32]) -> "Kept":
        """The same weight with other ``values`` [n]; what became zero is no longer kept."""
        stay = values != 0
        return Kept(self.shape, self.positions[stay], values[stay])

    def dense(self) -> npt.NDArray[np.float32]:
        """The whole weight."""
        weight = np.zeros(self.size, np.float32)
        weight[self.positions] = self.values
        return weight.reshape(self.shape)


@dataclass(frozen=True)
class Encoded:
    """A weight as it is stored.

    Attributes:
        values: float32 or float16 [n]; a stored zero is a structural zero.
        index: uint8 or uint16 [n] steps, or the uint8 [ceil(size / 8)] bitmask.
        bitmask: which of the two ``index`` is.
    """

    values: Array
    index: Array
    bitmask: bool

    @property
    def nbytes(self) -> int:
        """Bytes of both tensors."""
        return self.values.nbytes + self.index.nbytes


def kept(weight: npt.NDArray[np.float32]) -> Kept:
    """The nonzero values of a whole weight. A negative zero is a zero."""
    flat = weight.reshape(-1)
    positions = np.flatnonzero(flat)
    return Kept(weight.shape, positions, flat[positions])


def encode(weight: Kept, values: npt.DTypeLike) -> Encoded:
    """The smallest of byte steps, two-byte steps and bitmask.

    Args:
        weight: of at least one position, kept or not.
        values: float32, or float16, to which they are rounded to nearest; what becomes zero is
            stored as a zero.
    """
    dtype = np.dtype(values)
    positions, stored = weight.positions, weight.values.astype(dtype)
    if not len(positions):  # no tensor is ever empty
        positions, stored = np.zeros(1, np.int64), np.zeros(1, dtype)
    steps = np.diff(positions, prepend=-1)
    sizes = [
        _stored(steps, np.uint8) * (dtype.itemsize + 1),
        _stored(steps, np.uint16) * (dtype.itemsize + 2),
        len(stored) * dtype.itemsize + -(-weight.size // 8),
    ]
    best = sizes.index(min(sizes))
    if best == 2:
        return Encoded(stored, _bitmask(positions, weight.size), bitmask=True)
    return _bridged(stored, steps, np.uint8 if best == 0 else np.uint16)


def decode(encoded: Encoded, shape: Sequence[int]) -> Kept:
    """The weight that was stored, every index checked: files may come from anyone.

    Raises:
        ValueError: says what is wrong with the index.
    """
    size = math.prod(shape)
    if encoded.values.ndim != 1 or encoded.index.ndim != 1 or not len(encoded.values):
        raise ValueError("values and index must be vectors, not empty")
    if any(extent < 1 for extent in shape) or size > np.iinfo(np.int64).max:
        raise ValueError(f"weight_shape is {list(shape)}")
    positions = _marked(encoded, size) if encoded.bitmask else _summed(encoded, size)
    values = encoded.values.astype(np.float32)
    return Kept(tuple(shape), positions, values).mapped(values)


def _stored(steps: Positions, dtype: npt.DTypeLike) -> int:
    """Values that are stored where steps have this type: those kept, and bridges."""
    return len(steps) + int(((steps - 1) // np.iinfo(dtype).max).sum())


def _bridged(values: Array, steps: Positions, dtype: npt.DTypeLike) -> Encoded:
    longest = np.iinfo(dtype).max
    bridges = (steps - 1) // longest
    ends = np.cumsum(bridges + 1) - 1
    index = np.full(ends[-1] + 1, longest, dtype)
    index[ends] = steps - bridges * longest
    stored = np.zeros(len(index), values.dtype)
    stored[ends] = values
    return Encoded(stored, index, bitmask=False)


def _bitmask(positions: Positions, size: int) -> Array:
    marks = np.zeros(size, np.bool_)
    marks[positions] = True
    return np.packbits(marks, bitorder="little")


def _summed(encoded: Encoded, size: int) -> Positions:
    steps = encoded.index
    if steps.dtype not in (np.uint8, np.uint16) or len(steps) != len(encoded.values):
        raise ValueError(f"steps are {steps.dtype} [{len(steps)}] for {len(encoded.values)} values")
    if not steps.all():
        raise ValueError("a step is 0")
    positions: Positions = np.cumsum(steps, dtype=np.int64) - 1
    if positions[-1] >= size:
        raise ValueError(f"steps lead to position {positions[-1]} of {size}")
    return positions


def _marked(encoded: Encoded, size: int) -> Positions:
    if encoded.index.dtype != np.uint8 or len(encoded.index) != -(-size // 8):
        raise ValueError(
            f"the bitmask is {encoded.index.dtype} [{len(encoded.index)}] for {size} positions"
        )
    positions = np.flatnonzero(np.unpackbits(encoded.index.view(np.uint8), bitorder="little"))
    if len(positions) != len(encoded.values):
        raise ValueError(f"{len(positions)} bits are set for {len(encoded.values)} values")
    if positions[-1] >= size:
        raise ValueError("a bit behind the last position is set")
    return positions
