"""One prune step on values: from a network's parameters to the masks of the next ratio."""

import logging
from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.formats.finite import check_finite
from sparseprune.graph import ExampleInputs, NetworkGraph, tensors, trace
from sparseprune.prune.accounting import Counts, Entries, Parameters, count, masked, ratio
from sparseprune.prune.observe import DELTA, Evidence, gather, set_size
from sparseprune.prune.patterns import parse
from sparseprune.prune.pruned import Pruned
from sparseprune.prune.registry import METHODS
from sparseprune.prune.task import Task, allowed
from sparseprune.recipe import Prune

log = logging.getLogger(__name__)


class NothingToRemove(InputError):
    """The target is at or below the present ratio, or too near to it for a single unit to go."""


#: Inputs that neither training nor tests see, or (inputs, their labels).
HeldOut = torch.Tensor | tuple[torch.Tensor, torch.Tensor]


def cycle(
    model: nn.Module,
    example_inputs: ExampleInputs,
    settings: Prune,
    target: float,
    dense: Counts | None = None,
    *,
    held_out: HeldOut | None = None,
    seed: int = 0,
) -> Pruned:
    """What takes ``model`` to the ratio ``target``; the model is left as it is.

    Args:
        model: the dense network, or one pruned and retrained before: its zeros count as pruned.
        example_inputs: what the model takes, such as zeros [2, C, H, W]; shapes matter, values do
            not.
        settings: method, unit, pattern... and which layers to spare; ``ratios`` is not read.
        target: fraction of the dense network's ``settings.unit`` to be gone, in (0, 1).
        dense: ``counts`` of the dense network; None when ``model`` is the dense network.
        held_out: normalised inputs [n, ...], or (inputs, int64 labels [n]), for data-informed
            methods: about 200 (``sensitivity_size``) that training and tests do not see.
        seed: of what a method draws at random.

    Returns:
        Masks for ``train.fit``, and ``apply``.

    Raises:
        InputError: the target is not above the present ratio, cannot be reached, or would remove
            nothing; a weight is NaN or infinite; or the settings do not fit the model.
    """
    graph = trace(model, on_device_of(model, example_inputs))
    parameters = parameters_of(model, graph)
    evidence = evidence_of(model, graph, held_out, settings)
    whole = dense or count(parameters, graph)
    return advance(parameters, graph, settings, target, whole, evidence, seed)


def counts(model: nn.Module, example_inputs: ExampleInputs) -> Counts:
    """Non-zero parameters and weights, live channels and multiply-accumulates of ``model``."""
    graph = trace(model, on_device_of(model, example_inputs))
    return count(parameters_of(model, graph), graph)


def sensitivity_size(
    model: nn.Module, example_inputs: ExampleInputs, held_out: int, delta: float = DELTA
) -> int:
    """How many of ``held_out`` inputs data-informed methods look at (section 2.3).

    ``delta`` is the probability of failure that the study allows: 1e-16, of VOC 1e-5.
    """
    return set_size(trace(model, on_device_of(model, example_inputs)), held_out, delta)


def check(model: nn.Module, example_inputs: ExampleInputs, settings: Iterable[Prune]) -> None:
    """Raise what pruning ``model`` to the last ratio of each of ``settings`` must; before training.

    That is what follows from settings and structure; nothing is scored and no mask is chosen.

    Raises:
        InputError: see ``cycle``.
    """
    graph = trace(model, on_device_of(model, example_inputs))
    parameters = parameters_of(model, graph)
    check_finite(parameters)
    entries = Entries.of(parameters)
    dense = count(entries, graph)
    for each in settings:
        _check_fits(each)
        METHODS[each.method].check(entries, _task(graph, each, each.ratios[-1], dense, dense))


def evidence_of(
    model: nn.Module, graph: NetworkGraph, held_out: HeldOut | None, settings: Prune
) -> Evidence | None:
    """Evidence on ``model`` as it is now; ``graph`` was traced from it, now or earlier.

    None where there are no held-out inputs, or the method looks at none.

    Raises:
        InputError: inputs and labels do not belong together.
    """
    if held_out is None or METHODS[settings.method].needs == "nothing":
        return None
    inputs, labels = held_out if isinstance(held_out, tuple) else (held_out, None)
    if not isinstance(inputs, torch.Tensor):
        raise InputError(
            "expected held-out inputs as a tensor [n, ...], or (inputs, labels), got "
            f"{type(inputs).__name__}"
        )
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    labels = labels.to(device) if labels is not None else None
    return gather(graph, model.state_dict(), inputs.to(device), labels)


def advance(
    parameters: Parameters,
    graph: NetworkGraph,
    settings: Prune,
    target: float,
    dense: Counts,
    evidence: Evidence | None = None,
    seed: int = 0,
) -> Pruned:
    """The part of ``cycle`` behind tracing; raises as it does."""
    _check_fits(settings)
    if seed < 0:
        raise InputError(f"seed: expected a whole number of at least 0, got {seed}")
    check_finite(parameters)
    now = count(parameters, graph)
    unit = settings.unit
    here = ratio(now, dense, unit)
    if not here < target < 1:
        raise NothingToRemove(
            f"target {unit} {target}: expected a ratio above the present {here:.4f} and below 1; "
            "give a higher target or start from a denser network"
        )
    task = replace(_task(graph, settings, target, dense, now), seed=seed, evidence=evidence)
    pruned = METHODS[settings.method].prune(parameters, task)
    remaining = masked(parameters, pruned.masks)
    left = count(remaining, graph)
    if left.params == now.params:
        raise NothingToRemove(
            f"target {unit} {target}: expected {settings.method} to remove something, but the "
            f"ratio stays at {here:.4f}; give a higher target"
        )
    _warn_of_collapse(remaining, graph)
    return pruned


def _task(graph: NetworkGraph, settings: Prune, target: float, dense: Counts, now: Counts) -> Task:
    return Task(
        graph,
        allowed(graph, settings),
        settings.unit,
        target,
        dense,
        now,
        coupling=settings.coupling,
        allocation=settings.allocation,
        pattern=parse(settings.pattern),
        round_to=settings.round_to,
    )


def _check_fits(settings: Prune) -> None:
    """A setting that the method would pass over in silence is a mistake."""
    filters = METHODS[settings.method].removes == "filters"
    if filters and (settings.pattern != "1x1" or settings.allocation != "global"):
        raise InputError(
            f"{settings.method} removes whole filters: expected no pattern and no allocation, "
            f"which are for single weights, got {settings.pattern} and {settings.allocation}; "
            "take WT for them, or round_to for multiples of channels"
        )
    if not filters and settings.round_to != 1:
        raise InputError(
            f"{settings.method} removes single weights: expected no round_to, which is for whole "
            f"channels, got {settings.round_to}; take FT for it, or a pattern for blocks"
        )


def parameters_of(model: nn.Module, graph: NetworkGraph) -> dict[str, torch.Tensor]:
    """The parameters of ``model`` by name, each once.

    Raises:
        InputError: a prunable layer's weight is no parameter of its own.
    """
    parameters: dict[str, torch.Tensor] = dict(model.named_parameters())
    for layer in graph.layers:
        if f"{layer.name}.weight" not in parameters:
            raise InputError(
                f"layer {layer.name!r}: expected a weight of its own, found one that is shared or "
                "computed; give the layer its own parameter, or remove its parametrization"
            )
    return parameters


def on_device_of(model: nn.Module, example_inputs: ExampleInputs) -> ExampleInputs:
    """``example_inputs`` on the device of the model's first parameter.

    Raises:
        InputError: the model is no module, or the inputs are no tensors.
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"expected a torch.nn.Module to prune, got {type(model).__name__}")
    tensors(example_inputs)
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    if isinstance(example_inputs, tuple):
        return tuple(value.to(device) for value in example_inputs)
    return example_inputs.to(device)


def _warn_of_collapse(parameters: Parameters, graph: NetworkGraph) -> None:
    """A layer without weights cuts the network there: no retraining can bring it back."""
    for layer in graph.layers:
        if not bool(parameters[f"{layer.name}.weight"].any()):
            log.warning("layer %r has no weights left; what it computes is constant", layer.name)
