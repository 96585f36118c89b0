"""A node that mixes channels: convolution or matrix product with a constant weight."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from sparseprune.rewrite.slimming.atoms import Ids, Mask, Numbers, Track
from sparseprune.rewrite.slimming.editor import Editor
from sparseprune.rewrite.slimming.functions import known
from sparseprune.rewrite.slimming.nodes import Array


@dataclass
class Layer:
    """y[o] = bias[o] + sum over i of weight[o, i] x[i], the inputs i of o's group.

    Attributes:
        node: whose input 0 is x and input 1 the weight.
        source: the channels of x; None if they are not followed.
        out: the atoms of the outputs.
        weight: [outputs, inputs / groups, ...].
        swapped: whether the file stores the weight with its first two axes exchanged.
        bias: [outputs], or None.
        bias_slot: which input the bias is; None if the node takes none.
        scale: a factor of the sum (alpha of a Gemm).
        groups: of a grouped convolution.
        uniform: whether a channel of one number adds the same to every output position (no
            padding), so that the bias can take over what it adds.
    """

    node: onnx.NodeProto
    source: Track | None
    out: Ids
    weight: Array
    swapped: bool = False
    bias: Array | None = None
    bias_slot: int | None = 2
    scale: float = 1.0
    groups: int = 1
    uniform: bool = True

    def __post_init__(self) -> None:
        flat = self.weight.reshape(*self.weight.shape[:2], -1)
        self._reads: npt.NDArray[np.bool_] = (flat != 0).any(2)
        if self.source is not None:
            const = self.source.const
            self._absorbs = (const == 0) | (~np.isnan(const) & (self.bias_slot is not None))
            if not self.uniform:
                self._absorbs &= const == 0

    def const(self) -> Numbers:
        """The number each output is, where it is the same for every input; NaN elsewhere."""
        bias = np.zeros(len(self.out)) if self.bias is None else self.bias.astype(np.float64)
        if self.source is None:
            return known(np.where(self._reads.any(1), np.nan, bias))
        open_inputs = self._per_output((~self._absorbs).astype(np.float64)) > 0
        added = self._added(np.where(self._absorbs, self.source.const, 0.0))
        return known(np.where((self._reads & open_inputs).any(1), np.nan, bias + added))

    def wants(self, kept: Mask) -> Mask:
        """The inputs that outputs ``kept`` need and the bias cannot stand in for."""
        assert self.source is not None
        grouped = self._reads.reshape(self.groups, -1, self._reads.shape[1])
        read = (grouped & kept.reshape(self.groups, -1, 1)).any(1).ravel()
        wanted: Mask = read & ~self._absorbs
        return wanted

    def rewrite(self, editor: Editor) -> None:
        """Leave out the channels that do not stay."""
        out = editor.kept(self.out)
        source = np.ones(self.weight.shape[1] * self.groups, bool)
        if self.source is not None:
            source = editor.kept(self.source.ids)
        if out.all() and source.all():
            return
        self._rewrite_bias(editor, out, source)
        per_group = source.reshape(self.groups, -1)
        # Every group that stays keeps as many inputs as the others, so the rows fit together.
        columns = [np.flatnonzero(per_group[group]) for group in self._group_of(out)]
        weight = self.weight[np.flatnonzero(out)[:, None], np.stack(columns)]
        if self.groups > 1:
            editor.set_attribute(self.node, "group", int(per_group.any(1).sum()))
        stored = weight.swapaxes(0, 1) if self.swapped else weight
        editor.store(self.node, 1, np.ascontiguousarray(stored))

    def _rewrite_bias(self, editor: Editor, out: Mask, source: Mask) -> None:
        lost = np.zeros(len(source))
        if self.source is not None:
            gone = ~source & self._absorbs
            lost[gone] = self.source.const[gone]
        if self.bias is None and not lost.any():
            return
        bias = np.zeros(len(self.out)) if self.bias is None else self.bias
        assert self.bias_slot is not None
        total = (bias + self._added(lost))[out].astype(self.weight.dtype)
        editor.store(self.node, self.bias_slot, total)
        editor.set_attribute(self.node, "beta", None)  # a Gemm's factor: the numbers hold it now

    def _added(self, const: Numbers) -> Numbers:
        """What channels of these numbers add to each output."""
        if not const.any():
            return np.zeros(len(self.out))
        sums = self.weight.astype(np.float64).reshape(*self.weight.shape[:2], -1).sum(2)
        added: Numbers = self.scale * (sums * self._per_output(const)).sum(1)
        return added

    def _per_output(self, values: Numbers) -> Numbers:
        """[inputs] as [outputs, inputs / groups]: for each output those of its group."""
        return values.reshape(self.groups, -1)[self._group_of(np.ones(len(self.out), bool))]

    def _group_of(self, out: Mask) -> npt.NDArray[np.int64]:
        return np.flatnonzero(out) // (len(out) // self.groups)
