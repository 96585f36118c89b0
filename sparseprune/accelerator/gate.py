"""Whether answers are right: which rows are looked at, and how far a whole network is off."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from sparseprune.errors import GateError

# Of the norm of an answer. 16-bit numbers move a deep network's by a few percent, a layer that is
# left out, or reads what another overwrote, by about as much as there is.
_ALLOWED = 0.1


class Answers(NamedTuple):
    """What a network gave.

    Attributes:
        tensors: its floats, in float64.
        spread: how far two runs of it were apart, which draw numbers or add in any order.
    """

    tensors: list[Tensor]
    spread: float


def answers(network: Callable[..., Any], inputs: Sequence[Tensor]) -> Answers:
    """Of clones of ``inputs``, since a network may work on its inputs in place."""
    first, second = _floats(network, inputs), _floats(network, inputs)
    return Answers(first, _apart(second, first))


def check(network: Callable[..., Any], inputs: Sequence[Tensor], expected: Answers) -> None:
    """Hold a network against what another gave for the same inputs, in its own type.

    Raises:
        GateError: they are apart by more than the rounding of 16-bit numbers adds up to.
    """
    apart = _apart(_floats(network, inputs), expected.tensors)
    limit = _ALLOWED + 2 * expected.spread
    if not apart <= limit:  # written so that NaN is refused
        raise GateError(
            f"the accelerated network's answers are {apart:.2g} of their norm away from the "
            f"model's, expected at most {limit:.2g}; a type of more range or digits (bfloat16, "
            "float32) may help, and so may a model that overwrites no views in place"
        )


def ends(rows: Tensor, count: int) -> Tensor:
    """The first and the last of ``rows``, ``count`` in all, or all of them if they are fewer.

    The last tile of a kernel is seldom a whole one.
    """
    if len(rows) <= count:
        return rows
    return torch.cat([rows[: count - count // 2], rows[len(rows) - count // 2 :]])


def _floats(network: Callable[..., Any], inputs: Sequence[Tensor]) -> list[Tensor]:
    answer = network(*(x.clone() for x in inputs))
    leaves = pytree.tree_leaves(answer)
    return [x.double() for x in leaves if isinstance(x, Tensor) and x.is_floating_point()]


def _apart(found: list[Tensor], exact: list[Tensor]) -> float:
    """The largest difference of two tensors, over the norm of the second; of its finite values."""
    if [x.shape for x in found] != [x.shape for x in exact]:
        return float("inf")
    return max((_relative(*pair) for pair in zip(found, exact, strict=True)), default=0.0)


def _relative(found: Tensor, exact: Tensor) -> float:
    finite = exact.isfinite()
    found, exact = found[finite], exact[finite]
    size = float(torch.linalg.vector_norm(exact)) or 1.0
    return float(torch.linalg.vector_norm(found - exact)) / size
