"""One prune step: how far, in which unit, and which layers may lose something."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sparseprune.errors import InputError
from sparseprune.formats.mask import Masks
from sparseprune.graph import NetworkGraph
from sparseprune.prune.accounting import Counts, Parameters
from sparseprune.recipe import Prune

# Enough to recognise a network by; a thousand names would bury the sentence.
_NAMES_SHOWN = 20


@dataclass(frozen=True)
class Task:
    """What a method is asked for.

    Attributes:
        graph: layers and channel groups of the network.
        allowed: names of the layers that may lose weights or filters.
        unit: what ``target`` counts, one of ``accounting.UNITS``.
        target: fraction of the dense network's ``unit`` to be gone afterwards, in (0, 1).
        dense: counts of the dense network.
        now: counts of the network as it is.
        coupling: "group" or "independent", for filter methods.
    """

    graph: NetworkGraph
    allowed: frozenset[str]
    unit: str
    target: float
    dense: Counts
    now: Counts
    coupling: str


#: A pruning method: masks of what is left after the task; its arguments are unchanged.
Method = Callable[[Parameters, Task], Masks]


def allowed(graph: NetworkGraph, settings: Prune) -> frozenset[str]:
    """Names of the layers that ``settings`` lets a method prune.

    Raises:
        InputError: an entry of ``ignored_layers`` matches no layer or is no regular expression, or
            no layer is left.
    """
    names = [layer.name for layer in graph.layers]
    protected = {name for entry in settings.ignored_layers for name in _matching(entry, names)}
    if not settings.prune_output_layer:
        protected.update(graph.output_layers)
    left = frozenset(names) - protected
    if not left:
        raise InputError(
            f"expected a layer to prune, got none: of {_listed(names)}, all are ignored or make "
            "the output; ignore fewer layers or set prune_output_layer"
        )
    return left


def _matching(entry: str, names: Iterable[str]) -> list[str]:
    """Names equal to ``entry``, or matching it from the start when it is written "re:..."."""
    try:
        pattern = re.compile(entry[3:] if entry.startswith("re:") else f"{re.escape(entry)}$")
    except re.error as error:
        raise InputError(
            f"ignored_layers: expected a regular expression after 're:', got {entry[3:]!r}: {error}"
        ) from error
    found = [name for name in names if pattern.match(name)]
    if not found:
        raise InputError(
            f"ignored_layers: expected {entry!r} to match a layer, got no match; "
            f"layers: {_listed(list(names))}"
        )
    return found


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more
