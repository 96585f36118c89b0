"""Channel groups: the layer axes that must lose the same channels together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sparseprune.graph.channels import Channels
from sparseprune.graph.flow import Axes, Side


@dataclass(frozen=True)
class Member:
    """One layer's share of a group.

    Channel c of the group is at positions ``offset + c * repeat`` up to (not including)
    ``offset + (c + 1) * repeat`` of the layer's axis. ``repeat`` is above 1 for a Linear that reads
    flattened pictures (height * width) and for depthwise layers with several outputs per input;
    ``offset`` is above 0 behind a concatenation.
    """

    layer: str
    offset: int = 0
    repeat: int = 1

    def span(self, size: int) -> slice:
        """The positions of a whole group of ``size`` channels."""
        return slice(self.offset, self.offset + size * self.repeat)

    def positions(self, channels: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Positions along the layer's axis of the given channels of the group, in order."""
        starts = self.offset + np.asarray(channels, dtype=np.int64) * self.repeat
        steps: npt.NDArray[np.int64] = starts[:, None] + np.arange(self.repeat)
        return steps.ravel()


@dataclass(frozen=True)
class Group:
    """Channels tied through the network.

    Attributes:
        size: number of channels.
        producers: Conv2d and Linear layers that make them (axis 0 of weight, and bias).
        followers: BatchNorm and depthwise layers they pass (axis 0 of every parameter).
        consumers: Conv2d and Linear layers that read them (axis 1 of weight).
        refusal: why the group cannot be pruned; empty when it can.
    """

    size: int
    producers: tuple[Member, ...]
    followers: tuple[Member, ...]
    consumers: tuple[Member, ...]
    refusal: str = ""

    @property
    def prunable(self) -> bool:
        """Whether channels of this group may be removed."""
        return not self.refusal


# Runs of positions held by one channel: (layer, side, start, length).
_Run = tuple[str, Side, int, int]


def assemble(axes: Axes, channels: Channels) -> tuple[Group, ...]:
    """Groups of neighbouring channels that sit on the same axes, in the order of the network.

    Every channel of every axis is in exactly one group, so an axis behind a concatenation is shared
    out among several.
    """
    groups: list[Group] = []
    last: list[_Run] = []
    for root, runs in _places(axes, channels).items():
        reason = channels.reason(root)
        if last and groups[-1].refusal == reason and _continues(last, runs):
            groups[-1] = replace(groups[-1], size=groups[-1].size + 1)
        else:
            groups.append(_group(runs, reason))
        last = runs
    return tuple(groups)


def _places(axes: Axes, channels: Channels) -> Mapping[int, list[_Run]]:
    """For every root, in order of first appearance, the runs of positions it holds."""
    places: dict[int, list[_Run]] = {}
    for (layer, side), ids in axes.items():
        for position, channel in enumerate(ids.tolist()):
            runs = places.setdefault(channels.root(channel), [])
            if runs and runs[-1][:2] == (layer, side) and sum(runs[-1][2:]) == position:
                start, length = runs[-1][2:]
                runs[-1] = (layer, side, start, length + 1)
            else:
                runs.append((layer, side, position, 1))
    return places


def _continues(last: list[_Run], runs: list[_Run]) -> bool:
    """Whether every run starts where the channel before it ended, on the same axes."""
    return len(last) == len(runs) and all(
        (layer, side, start + length, length) == run
        for (layer, side, start, length), run in zip(last, runs, strict=True)
    )


def _group(runs: list[_Run], reason: str) -> Group:
    """A group of one channel."""
    members: dict[Side, list[Member]] = {"out": [], "through": [], "in": []}
    for layer, side, start, length in runs:
        members[side].append(Member(layer, start, length))
    return Group(
        1,
        producers=tuple(members["out"]),
        followers=tuple(members["through"]),
        consumers=tuple(members["in"]),
        refusal=reason,
    )
