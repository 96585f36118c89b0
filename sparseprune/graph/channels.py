"""Which single channels must be kept or removed together: union-find over channel numbers."""

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


class Channels:
    """Numbered channels; tied ones share a root, refused ones a reason.

    One number per channel of every tensor axis. Concatenation, flattening and depthwise layers
    then need no rules of their own: they concatenate or repeat numbers.
    """

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._reason: dict[int, str] = {}

    def fresh(self, count: int) -> Ids:
        """Numbers of ``count`` new channels, tied to nothing."""
        start = len(self._parent)
        self._parent.extend(range(start, start + count))
        return np.arange(start, start + count)

    def root(self, channel: int) -> int:
        """The channel that stands for all those tied to ``channel``."""
        parent = self._parent
        while parent[channel] != channel:
            parent[channel] = parent[parent[channel]]
            channel = parent[channel]
        return channel

    def tie(self, first: Ids, second: Ids) -> None:
        """Tie ``first[i]`` to ``second[i]`` for every i; a reason of either holds for both."""
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            low, high = sorted((self.root(a), self.root(b)))
            if low == high:
                continue
            self._parent[high] = low
            reason = self._reason.pop(high, "")
            if reason:
                self._reason.setdefault(low, reason)

    def refuse(self, channels: Ids, reason: str) -> None:
        """Mark ``channels`` not prunable; the first reason given stays."""
        for channel in channels.tolist():
            self._reason.setdefault(self.root(channel), reason)

    def reason(self, channel: int) -> str:
        """Why ``channel`` must stay; empty when it need not."""
        return self._reason.get(self.root(channel), "")
