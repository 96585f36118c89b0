"""The units that stay or leave: one for each channel, joined where channels are tied."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Track:
    """What is known of a tensor whose channels are followed.

    Attributes:
        rank: of the tensor.
        axis: the one its channels lie along, counted from 0.
        ids: the atom of every channel.
        const: the number that every element of a channel is, whatever the network is given; NaN
            where it is not known to be one.
    """

    rank: int
    axis: int
    ids: Ids
    const: Numbers

    @property
    def size(self) -> int:
        """How many channels there are."""
        return len(self.ids)


@dataclass
class Atoms:
    """Disjoint sets of atoms; the atoms of a set stay together or leave together."""

    _parents: list[int] = field(default_factory=list)
    _pinned: set[int] = field(default_factory=set)

    def fresh(self, count: int) -> Ids:
        """New atoms, each alone."""
        first = len(self._parents)
        self._parents.extend(range(first, first + count))
        return np.arange(first, first + count)

    def tie(self, left: Ids, right: Ids) -> None:
        """Join the sets of ``left[i]`` and ``right[i]``, for every i."""
        for a, b in zip(left.tolist(), right.tolist(), strict=True):
            self._parents[self._root(a)] = self._root(b)

    def pin(self, ids: Ids) -> None:
        """These never leave."""
        self._pinned.update(ids.tolist())

    def sets(self) -> Ids:
        """For every atom, the atom that names its set."""
        return np.array([self._root(atom) for atom in range(len(self._parents))], dtype=np.int64)

    def pinned(self) -> Ids:
        """The atoms that were pinned."""
        return np.array(sorted(self._pinned), dtype=np.int64)

    def _root(self, atom: int) -> int:
        parents = self._parents
        while parents[atom] != atom:
            parents[atom] = parents[parents[atom]]
            atom = parents[atom]
        return atom
