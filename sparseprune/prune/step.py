"""One prune step on values: from a network's parameters to the masks of the next ratio."""

import logging

import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.formats.finite import check_finite
from sparseprune.formats.mask import Masks
from sparseprune.graph import ExampleInputs, NetworkGraph, trace
from sparseprune.prune import filters, weights
from sparseprune.prune.accounting import Counts, Parameters, count, masked, ratio
from sparseprune.prune.task import Method, Task, allowed
from sparseprune.recipe import Prune

log = logging.getLogger(__name__)

#: Methods by their name in the study. Each is a pure function of parameters and task.
METHODS: dict[str, Method] = {"WT": weights.prune, "FT": filters.prune}


def cycle(
    model: nn.Module,
    example_inputs: ExampleInputs,
    settings: Prune,
    target: float,
    dense: Counts | None = None,
) -> Masks:
    """Masks that take ``model`` to the ratio ``target``; the model is left as it is.

    Args:
        model: the dense network, or one pruned and retrained before: its zeros count as pruned.
        example_inputs: what the model takes, such as zeros [2, C, H, W]; shapes matter, values do
            not.
        settings: method, unit, coupling and which layers to spare; ``ratios`` is not read.
        target: fraction of the dense network's ``settings.unit`` to be gone, in (0, 1).
        dense: ``counts`` of the dense network; None when ``model`` is the dense network.

    Returns:
        Masks for ``formats.mask.apply`` and ``train.fit``; only parameters that lose an entry.

    Raises:
        InputError: the target is not above the present ratio, cannot be reached, or would remove
            nothing; a weight is NaN or infinite; or the settings do not fit the model.
    """
    graph = trace(model, on_device_of(model, example_inputs))
    parameters = parameters_of(model, graph)
    return advance(parameters, graph, settings, target, dense or count(parameters, graph))


def counts(model: nn.Module, example_inputs: ExampleInputs) -> Counts:
    """Non-zero parameters and weights, live channels and multiply-accumulates of ``model``."""
    graph = trace(model, on_device_of(model, example_inputs))
    return count(parameters_of(model, graph), graph)


def check(model: nn.Module, example_inputs: ExampleInputs, settings: Prune) -> None:
    """Raise what pruning ``model`` to the last of the ratios would; for before the training.

    Raises:
        InputError: see ``cycle``.
    """
    cycle(model, example_inputs, settings, settings.ratios[-1])


def advance(
    parameters: Parameters, graph: NetworkGraph, settings: Prune, target: float, dense: Counts
) -> Masks:
    """The part of ``cycle`` behind tracing; raises as it does."""
    check_finite(parameters)
    now = count(parameters, graph)
    unit = settings.unit
    here = ratio(now, dense, unit)
    if not here < target < 1:
        raise InputError(
            f"target {unit} {target}: expected a ratio above the present {here:.4f} and below 1; "
            "give a higher target or start from a denser network"
        )
    task = Task(graph, allowed(graph, settings), unit, target, dense, now, settings.coupling)
    masks = METHODS[settings.method](parameters, task)
    pruned = masked(parameters, masks)
    left = count(pruned, graph)
    if left.params == now.params:
        raise InputError(
            f"target {unit} {target}: expected {settings.method} to remove something, but the "
            f"ratio stays at {here:.4f}; give a higher target"
        )
    _warn_of_collapse(pruned, graph)
    return masks


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
    """``example_inputs`` on the device of the model's first parameter."""
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    if isinstance(example_inputs, tuple):
        return tuple(value.to(device) for value in example_inputs)
    return example_inputs.to(device)


def _warn_of_collapse(parameters: Parameters, graph: NetworkGraph) -> None:
    """A layer without weights cuts the network there: no retraining can bring it back."""
    for layer in graph.layers:
        if not bool(parameters[f"{layer.name}.weight"].any()):
            log.warning("layer %r has no weights left; what it computes is constant", layer.name)
