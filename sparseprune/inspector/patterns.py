"""The structure of a pruned weight: how much is kept, in which patterns, and what is dead."""

from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
_BLOCK = 4


def structure(mask: Mask, groups: int = 1) -> dict[str, Any]:
    """What a layer keeps.

    Args:
        mask: [outputs, inputs of a group, taps]: which weights are not zero.
        groups: of a convolution; the outputs of each are neighbours.

    Returns:
        ``weights`` and ``kept`` (counts), ``density``, ``dead_outputs`` (filters that hold zeros
        alone), ``dead_inputs`` (channels that nothing reads), and shares of the kept weights
        that are: ``4x1``, in whole blocks of four neighbouring outputs at one input and tap;
        ``1x4``, the same of four inputs; ``2:4``, in groups of four inputs that keep at most two.
        A share is None where nothing is kept, and where there are fewer than four to a group.
    """
    outputs, inputs, taps = mask.shape
    whole = mask.reshape(groups, outputs // groups, inputs, taps)
    kept = int(mask.sum())
    quads = _quads(whole, 2)
    counts = quads.sum(axis=3, dtype=np.uint8)
    return {
        "weights": mask.size,
        "kept": kept,
        "density": kept / mask.size if mask.size else 0.0,
        "dead_outputs": outputs - int(mask.any(axis=(1, 2)).sum()),
        "dead_inputs": groups * inputs - int(whole.any(axis=(1, 3)).sum()),
        "4x1": _share(_BLOCK * int(_quads(whole, 1).all(axis=2).sum()), kept, whole.shape[1]),
        "1x4": _share(_BLOCK * int((counts == _BLOCK).sum()), kept, inputs),
        "2:4": _share(int(counts[counts <= 2].sum(dtype=np.int64)), kept, inputs),
    }


def _quads(whole: Mask, axis: int) -> Mask:
    """``axis`` split into [quads, 4]; what does not fill a quad is left out."""
    shape = list(whole.shape)
    count = shape[axis] // _BLOCK
    cut = np.take(whole, range(count * _BLOCK), axis) if shape[axis] % _BLOCK else whole
    return cut.reshape([*shape[:axis], count, _BLOCK, *shape[axis + 1 :]])


def _share(part: int, kept: int, extent: int) -> float | None:
    return part / kept if kept and extent >= _BLOCK else None
