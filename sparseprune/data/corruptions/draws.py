"""Random numbers that belong to one picture, whatever batch it comes in."""

import zlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Generators = Sequence[np.random.Generator]


def generators(name: str, severity: int, seed: int, first_index: int, count: int) -> Generators:
    """One generator for each picture, seeded by (seed, corruption, severity, picture index).

    The corruption enters by its name, so the order of the registry does not matter.
    """
    return at(name, severity, seed, range(first_index, first_index + count))


def at(name: str, severity: int, seed: int, indices: Iterable[int]) -> Generators:
    """The generators of the pictures with these indices."""
    key = zlib.crc32(name.encode())
    return [
        np.random.default_rng(np.random.SeedSequence([seed, key, severity, int(index)]))
        for index in indices
    ]


def each(
    generators: Generators, draw: Callable[[np.random.Generator], object]
) -> NDArray[np.float64]:
    """``draw`` once from every generator; results stacked along a new first axis."""
    return np.array([draw(generator) for generator in generators], dtype=np.float64)
