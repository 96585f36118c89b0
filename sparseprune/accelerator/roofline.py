"""What a GPU can do at most, and the least time that leaves for a layer."""

from typing import NamedTuple

from torch import Tensor

from sparseprune.accelerator.layer import Layer


class Ceilings(NamedTuple):
    """Measured on the GPU at hand, in the type at hand.

    Attributes:
        operations: per second in a large dense product; a multiply-accumulate is two.
        bytes: per second from and to memory, in a large copy.
        launch: seconds of a kernel that does nothing.
    """

    operations: float
    bytes: float
    launch: float


class Bound(NamedTuple):
    """The least seconds a layer takes.

    Attributes:
        dense: with all weights.
        sparse: with those that are not zero only.
        by: "compute", "memory" or "launch": what takes most of ``dense``.
    """

    dense: float
    sparse: float
    by: str

    @property
    def gain(self) -> float:
        """How much faster than dense at its best zeros can make the layer."""
        return self.dense / self.sparse


def bound(layer: Layer, x: Tensor, ceilings: Ceilings) -> Bound:
    """Of a layer that reads ``x``: each operand moves once, and moving hides behind computing."""
    weight = layer.weight
    outputs = layer.positions(x) * weight.shape[0]
    moved = x.numel() + outputs * (2 if layer.residual else 1)
    kept = layer.density

    def parts(density: float) -> dict[str, float]:
        operations = 2 * outputs * weight[0].numel() * density
        return {
            "compute": operations / ceilings.operations,
            "memory": (moved + weight.numel() * density) * weight.itemsize / ceilings.bytes,
        }

    dense = parts(1.0)
    by = max(dense, key=lambda name: dense[name])
    if dense[by] < ceilings.launch:
        by = "launch"
    least = [max(found.values()) + ceilings.launch for found in (dense, parts(kept))]
    return Bound(least[0], least[1], by)
