"""A graph to be written: constants and attributes take the sizes that are left."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from sparseprune.rewrite.slimming.atoms import Ids, Mask
from sparseprune.rewrite.slimming.nodes import Array
from sparseprune.rewrite.slimming.view import View


class Editor:
    """Changes the graph of a view in place.

    Args:
        view: the graph.
        stays: whether each atom stays.
    """

    def __init__(self, view: View, stays: Mask) -> None:
        self._view = view
        self._stays = stays
        self._replaced: set[str] = set()
        self._resized: set[str] = set()
        self._names = {tensor.name for tensor in view.graph.initializer}
        for node in view.graph.node:
            self._names.update((*node.input, *node.output))

    def kept(self, ids: Ids) -> Mask:
        """Which of these channels stay."""
        return self._stays[ids]

    def store(self, node: onnx.NodeProto, index: int, array: Array) -> None:
        """Make ``array`` a constant input of ``node``; who else reads the old one keeps it.

        A constant that only this node reads keeps its name.
        """
        node.input.extend([""] * (index + 1 - len(node.input)))
        old = node.input[index]
        if old and self._view.is_only_read_by(old, node):
            self._resized.add(old)
            self._view.tensors[old].CopyFrom(numpy_helper.from_array(array, old))
            return
        self._replaced.add(old)
        node.input[index] = self._unused(old or f"{node.output[0]}_constant")
        self._view.graph.initializer.append(numpy_helper.from_array(array, node.input[index]))

    def take(self, node: onnx.NodeProto, index: int, axis: int, ids: Ids) -> None:
        """Keep the entries along ``axis`` of a constant input whose channels stay."""
        array = self._view.constant(node, index)
        kept = self.kept(ids)
        if array is not None and not kept.all():
            self.store(node, index, np.compress(kept, array, axis))

    def set_attribute(self, node: onnx.NodeProto, name: str, value: Any) -> None:
        """Set an attribute; None removes it."""
        for position, item in enumerate(node.attribute):
            if item.name == name:
                del node.attribute[position]
                break
        if value is not None:
            node.attribute.append(helper.make_attribute(name, value))

    def clean(self, resized: set[str]) -> None:
        """Forget the shapes of ``resized`` tensors, and the constants nobody reads any more."""
        graph = self._view.graph
        old = resized | self._resized
        for place in reversed(range(len(graph.value_info))):
            if graph.value_info[place].name in old:
                del graph.value_info[place]
        read = {name for node in graph.node for name in node.input} | self._view.fixed
        gone = self._replaced - read - {port.name for port in graph.input}
        for place in reversed(range(len(graph.initializer))):
            if graph.initializer[place].name in gone:
                del graph.initializer[place]

    def _unused(self, wish: str) -> str:
        name, number = f"{wish}_slim", 1
        while name in self._names:
            name, number = f"{wish}_slim_{number}", number + 1
        self._names.add(name)
        return name


# What to do to the graph once it is known which channels stay.
Edit = Callable[[Editor], None]
