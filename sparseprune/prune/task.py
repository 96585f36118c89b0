"""One prune step: how far, in which unit, and which layers may lose something."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from sparseprune.errors import InputError
from sparseprune.graph import Layer, NetworkGraph
from sparseprune.prune.accounting import Counts, Parameters
from sparseprune.prune.observe import Evidence
from sparseprune.prune.patterns import SINGLE, Pattern
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
        allocation: "global" or "uniform", for methods that remove single weights.
        pattern: which weights go together, for the same methods.
        round_to: filter methods keep a multiple of so many channels, or all.
        seed: of what is drawn at random.
        evidence: the network and held-out inputs, for data-informed methods.
    """

    graph: NetworkGraph
    allowed: frozenset[str]
    unit: str
    target: float
    dense: Counts
    now: Counts
    coupling: str = "group"
    allocation: str = "global"
    pattern: Pattern = SINGLE
    round_to: int = 1
    seed: int = 0
    evidence: Evidence | None = None

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that may lose something, in the order they run."""
        return tuple(layer for layer in self.graph.layers if layer.name in self.allowed)

    def weights(self, parameters: Parameters) -> Iterator[tuple[Layer, torch.Tensor]]:
        """Those layers, each with its weight."""
        for layer in self.layers:
            yield layer, parameters[f"{layer.name}.weight"].detach()

    def evidence_or_raise(self) -> Evidence:
        """The evidence.

        Raises:
            InputError: there is none.
        """
        if self.evidence is None:
            raise InputError(
                "expected held-out inputs, because the method is data-informed, got none; give "
                "them as held_out, about 200 that were neither trained on nor are tested on"
            )
        return self.evidence


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
    if not names:
        raise InputError(
            "expected a network that calls convolutions or linear layers, found none that may be "
            "pruned; check what the model is made of"
        )
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
