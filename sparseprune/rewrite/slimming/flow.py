"""Channels followed through a graph, node by node, in the order they run."""

from collections.abc import Callable, Iterable

import numpy as np
import onnx

from sparseprune.rewrite.slimming.atoms import Atoms, Track
from sparseprune.rewrite.slimming.editor import Edit
from sparseprune.rewrite.slimming.layer import Layer
from sparseprune.rewrite.slimming.nodes import STANDARD
from sparseprune.rewrite.slimming.view import View

# The tracks of a node's outputs, or None where what it does to channels is not understood.
Rule = Callable[["Flow", onnx.NodeProto], list[Track] | None]


class Flow:
    """What is known after the walk.

    Attributes:
        view: the graph.
        atoms: the channels.
        tracks: the tensors whose channels are followed, by name.
        layers: the nodes that mix channels.
        edits: what to change once it is known which channels stay.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.atoms = Atoms()
        self.tracks: dict[str, Track] = {}
        self.layers: list[Layer] = []
        self.edits: list[Edit] = []

    def walk(self, rules: dict[str, Rule]) -> None:
        """Follow every node; what is not understood keeps all channels it reads."""
        for node in self.view.graph.node:
            rule = rules.get(node.op_type) if node.domain in STANDARD else None
            made = rule(self, node) if rule else None
            if made is None:
                self._pin(node.input)
                continue
            for name, track in zip(node.output, made, strict=False):
                if name:
                    self.tracks[name] = track
        self._pin(self.view.fixed)

    def track(self, node: onnx.NodeProto, index: int = 0) -> Track | None:
        """The track of an input, if its channels are followed."""
        return self.tracks.get(node.input[index]) if index < len(node.input) else None

    def adopt(self, node: onnx.NodeProto, index: int, axis: int) -> Track | None:
        """The track of an input along ``axis``; one that is not followed gets pinned channels."""
        track = self.track(node, index)
        if track is not None:
            return track if track.axis == axis else None
        shape = self.view.shape(node.input[index])
        if shape is None or axis >= len(shape):
            return None
        size = shape[axis]
        if size is None:
            return None
        ids = self.atoms.fresh(size)
        self.atoms.pin(ids)
        return Track(len(shape), axis, ids, np.full(size, np.nan))

    def _pin(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self.tracks:
                self.atoms.pin(self.tracks[name].ids)
