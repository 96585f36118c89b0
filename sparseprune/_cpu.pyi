"""Sparse networks on the CPU: the engine behind sparseprune, for NumPy arrays.

Values are numbered by the caller; nodes are given in an order in which every value is made before
it is read. Feature maps are N x C x H x W, vectors N x F, all float32 and C-contiguous (no silent
conversion). A weight that is exactly zero is structural: it is skipped.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float32]
_Pair = tuple[int, int]

def available_isas() -> list[str]:
    """Instruction sets this CPU can run, best first: of "avx512", "avx2", "baseline"."""

def resolve_isa(isa: str = "") -> str:
    """The one `isa` stands for; "" is SPARSEPRUNE_ISA or the best.

    Raises:
        ValueError: naming the choices, when it is unknown or not available.
    """

def lanes(isa: str = "") -> int:
    """Floats in one vector of the instruction set."""

def probe(isa: str = "") -> float:
    """Seconds of a fixed loop of loads and multiply-adds, about 1e-4; more on a busy machine.

    Raises ValueError as `resolve_isa`.
    """

def largest_product(
    factors: _Floats, inputs: _Floats, weights: _Floats, result: _Floats, isa: str = ""
) -> None:
    """Raise `result` [R, C] in place to the largest `f * inputs[p, c]` over p.

    `f` is `factors[p, r]` where `weights[r, c]` is positive, else `factors[p, R + r]`. The
    interpreter's lock is released meanwhile.

    Args:
        factors: [P, 2 R], neither negative nor NaN.
        inputs: [P, C], neither negative nor NaN.
        weights: [R, C]; only whether they are positive matters.
        result: [R, C], changed.
        isa: see `resolve_isa`.

    Raises:
        TypeError: an array is not C-contiguous float32.
        ValueError: the shapes do not belong together.
    """

def largest_mean(
    totals: _Floats,
    inputs: _Floats,
    weights: _Floats,
    result: _Floats,
    count: int,
    nothing: float,
    isa: str = "",
) -> None:
    """Raise `result` [R, C] in place to the mean of `inputs[p, c] / t` over each input's p.

    `t` is `totals[p, r]` where `weights[r, c]` is positive, else `totals[p, R + r]`; where it is
    at most `nothing`, the quotient counts as 0. The interpreter's lock is released meanwhile.

    Args:
        totals: [P, 2 R].
        inputs: [P, C], neither negative nor NaN; those of one input after the other.
        weights: [R, C]; only whether they are positive matters.
        result: [R, C], changed.
        count: of inputs; divides P.
        nothing: what totals have to exceed, >= 0.
        isa: see `resolve_isa`.

    Raises:
        TypeError: an array is not C-contiguous float32.
        ValueError: the shapes do not belong together.
    """

class Node:
    """One operation of a network."""

    @property
    def name(self) -> str:
        """What error messages call it."""

def conv(
    name: str,
    input: int,
    output: int,
    weight: _Floats,
    bias: _Floats | None = None,
    *,
    groups: int = 1,
    stride: _Pair = (1, 1),
    dilation: _Pair = (1, 1),
    pad_begin: _Pair = (0, 0),
    pad_end: _Pair = (0, 0),
) -> Node:
    """Convolution by `weight` [O, I / groups, KH, KW]; pairs are (vertical, horizontal)."""

def linear(
    name: str, input: int, output: int, weight: _Floats, bias: _Floats | None = None
) -> Node:
    """Product x W^T + b with `weight` [O, I]."""

def add(name: str, a: int, b: int, output: int) -> Node:
    """Sum of two values of one shape."""

def multiply(name: str, a: int, b: int, output: int) -> Node:
    """Product of two values of one shape, or of [N, C, H, W] and [N, C, 1, 1]."""

def activation(
    name: str,
    input: int,
    output: int,
    kind: Literal["none", "relu", "relu6", "hard_swish", "sigmoid", "hard_sigmoid", "silu"],
    *,
    slope: float = ...,
    offset: float = ...,
) -> Node:
    """Value by value, as ONNX defines it; a NaN stays.

    The hard sigmoid is clamp(slope x + offset, 0, 1), by default with 1/6 and 1/2; hard-swish is x
    times that, SiLU x sigmoid(x).
    """

def relu(name: str, input: int, output: int) -> Node:
    """Larger of x and 0; a NaN stays, as in ONNX Runtime."""

def scale(name: str, input: int, output: int, scale: _Floats, shift: _Floats | None = None) -> Node:
    """Product plus sum, scale * x + shift, with one of each per channel [C]."""

def max_pool(
    name: str,
    input: int,
    output: int,
    kernel: _Pair,
    *,
    stride: _Pair = (1, 1),
    pad_begin: _Pair = (0, 0),
    pad_end: _Pair = (0, 0),
) -> Node:
    """Largest value of each window; padding never wins.

    A NaN in the window is the result, wherever it stands (ONNX Runtime may lose it).
    """

def average_pool(
    name: str,
    input: int,
    output: int,
    kernel: _Pair,
    *,
    stride: _Pair = (1, 1),
    pad_begin: _Pair = (0, 0),
    pad_end: _Pair = (0, 0),
    count_padding: bool = False,
) -> Node:
    """Mean of each window, over the positions inside the map or, with `count_padding`, over all."""

def global_average_pool(name: str, input: int, output: int, *, keep_dims: bool = True) -> Node:
    """Mean of each map: [N, C, 1, 1], or [N, C] without `keep_dims`."""

def concat(name: str, inputs: Sequence[int], output: int) -> Node:
    """The channels (or features) of one value after another."""

def resize(
    name: str,
    input: int,
    output: int,
    size: _Pair,
    mode: Literal["nearest", "bilinear", "bilinear_corners"],
) -> Node:
    """Maps of `size` (height, width).

    Output position p of `to` positions lies at input position, of `at` positions:
    nearest: floor(p * at / to); bilinear: (p + 1/2) * at / to - 1/2, with the edges repeated;
    bilinear_corners: p * (at - 1) / (to - 1).
    """

def softmax(name: str, input: int, output: int) -> Node:
    """e^x over its sum, over the features of [N, F].

    All features of an image are NaN if one is NaN or +infinity, or all are -infinity.
    """

def flatten(name: str, input: int, output: int) -> Node:
    """[N, C, H, W] to [N, C * H * W]."""

class Program:
    """A network made ready to run; validated here, planned and packed once per input shape."""

    def __init__(
        self,
        nodes: Sequence[Node],
        inputs: Sequence[int],
        outputs: Sequence[int],
        isa: str = "",
        tuning: str = "",
        *,
        channels_last_inputs: Sequence[bool] = (),
        channels_last_outputs: Sequence[bool] = (),
    ) -> None:
        """`tuning` is text that `tune` gave; what is of another CPU or does not fit is ignored.

        `channels_last_*`: which maps are N x H x W x C outside, by position; missing: none.

        Raises:
            ValueError: naming the node that is wrong.
        """

    def output_shapes(self, inputs: Sequence[Sequence[int]]) -> list[list[int]]:
        """Shapes of the outputs; ValueError names the node and the shapes that do not fit."""

    def run(
        self, inputs: Sequence[_Floats], outputs: Sequence[_Floats], *, threads: int = 1
    ) -> None:
        """Fills `outputs`; the GIL is released, and any number of threads may run at once."""

    def tune(self, inputs: Sequence[Sequence[int]], seconds: float) -> str:
        """Times tiles of the layers that have none in the tuning yet, for about `seconds`.

        It runs with the fastest from then on. Returns `tuning`. Answers with and without differ
        only as float32 sums in another order do. ValueError as for `output_shapes`.
        """

    @property
    def tuning(self) -> str:
        """What it was given and what `tune` found, as text for the constructor."""
