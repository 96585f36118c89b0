"""Which channels stay: those that reach an output, and what sizes ask for beside them."""

from collections.abc import Iterable

import numpy as np

from sparseprune.rewrite.slimming.atoms import Ids, Mask
from sparseprune.rewrite.slimming.flow import Flow
from sparseprune.rewrite.slimming.layer import Layer


def choose(flow: Flow, round_to: int) -> Mask:
    """Whether each atom stays."""
    sets = flow.atoms.sets()
    live = np.zeros(len(sets), bool)
    live[sets[flow.atoms.pinned()]] = True
    _reach(flow.layers, sets, live)
    tensors = [track.ids for track in flow.tracks.values()]
    before = -1
    # Every step only adds channels, so this ends: with all of them at the latest.
    while before < (before := int(live.sum())):
        for ids in tensors:
            _fill(sets[ids], live, 1)
        for layer in flow.layers:
            if layer.groups > 1:
                _level(layer, sets, live, round_to)
            else:
                _fill(sets[layer.out], live, round_to)
    return live[sets]


def _reach(layers: Iterable[Layer], sets: Ids, live: Mask) -> None:
    """Mark what live channels are computed from, until nothing is added."""
    backwards = [layer for layer in layers if layer.source is not None][::-1]
    before = -1
    while before < (before := int(live.sum())):
        for layer in backwards:
            assert layer.source is not None
            wanted = layer.wants(live[sets[layer.out]])
            live[sets[layer.source.ids[wanted]]] = True


def _fill(ids: Ids, live: Mask, multiple: int) -> None:
    """Keep dead channels too, until a multiple of channels stays, or all do."""
    kept = max(1, int(live[ids].sum()))
    _keep(ids, live, min(len(ids), -(-kept // multiple) * multiple))


def _keep(ids: Ids, live: Mask, count: int) -> None:
    """Keep at least ``count`` channels: the live ones, then the first dead ones."""
    dead = ids[~live[ids]]
    live[dead[: max(0, count - (len(ids) - len(dead)))]] = True


def _level(layer: Layer, sets: Ids, live: Mask, multiple: int) -> None:
    """Every group of a grouped layer keeps as many channels as the others, or leaves whole."""
    assert layer.source is not None
    sides = [sets[ids].reshape(layer.groups, -1) for ids in (layer.source.ids, layer.out)]
    stays = np.asarray(live[np.concatenate(sides, 1)].any(axis=1))
    stays[0] = stays[0] or not stays.any()
    for side, unit in zip(sides, (1, multiple), strict=True):
        count = max(1, int(live[side].sum(1).max()))
        while count < side.shape[1] and count * int(stays.sum()) % unit:
            count += 1
        for group in side[stays]:
            _keep(group, live, count)
