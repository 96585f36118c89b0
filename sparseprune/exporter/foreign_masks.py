"""Masks as other tools keep them, multiplied into the weights they belong to.

What is understood, by the names of the tensors:

* ``torch.nn.utils.prune``: ``layer.weight_orig`` and ``layer.weight_mask``;
* parametrizations with a mask: ``layer.parametrizations.weight.original`` and ``...weight.0.mask``
  (the sparsifiers of ``torch.ao.pruning`` keep theirs in their own state);
* NNI 1 and 2: ``layer.module.weight`` and ``layer.weight_mask``, the trained weight sometimes under
  ``layer.weight``; NNI 3: ``layer._nni_wrapper.weight`` and ``layer._nni_wrapper.weight_mask``;
* plain zeros, as SparseML and most others leave them.
"""

import re
from collections.abc import Mapping

import torch

from sparseprune.errors import InputError
from sparseprune.exporter.foreign_state import State, is_state

_PARAMETRIZED = re.compile(r"(?P<layer>.*\.|)parametrizations\.(?P<name>\w+)\.(?P<rest>.+)")


def settle(state: State) -> tuple[State, list[str]]:
    """The weights with their masks applied, under the names of the plain network.

    Returns:
        The state dict and the names of the conventions that were found.

    Raises:
        InputError: a mask does not fit its weight, or a parametrization is not one of a mask.
    """
    found = dict(state)
    steps = {
        "torch.nn.utils.prune": _pruned,
        "torch.nn.utils.parametrize": _parametrized,
        "NNI 3": _wrapped_inside,
        "NNI": _wrapped,
    }
    return found, [name for name, step in steps.items() if step(found)]


def apply(state: State, masks: Mapping[str, torch.Tensor]) -> None:
    """Multiply masks into the tensors of those names, in place of the old ones.

    Raises:
        InputError: a mask names no tensor, or does not fit it.
    """
    for name, mask in masks.items():
        if name not in state:
            raise InputError(
                f"mask {name!r}: expected the name of a tensor of the checkpoint, which has none "
                "so called; give the masks made for this network"
            )
        state[name] = masked(name, state[name], mask)


def masked(name: str, weight: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """``weight`` with zeros where ``mask`` has them.

    Raises:
        InputError: the shapes differ, or the mask holds other numbers than zero and one.
    """
    if mask.shape != weight.shape:
        raise InputError(
            f"mask {name!r}: expected shape {list(weight.shape)}, got {list(mask.shape)}; "
            "give the masks made for this network"
        )
    if not ((mask == 0) | (mask == 1)).all():
        raise InputError(
            f"mask {name!r}: expected zeros and ones, got other numbers; give a mask, not scores"
        )
    return torch.where(mask.bool(), weight, torch.zeros_like(weight))


def listed(document: Mapping[object, object], where: str) -> State:
    """The masks of a separate file, by the names of their tensors.

    ``{layer: {"weight": mask, ...}}`` is NNI's form, ``{"state": {name: {"mask": mask}}}`` that of
    a ``torch.ao.pruning`` sparsifier, ``{name: mask}`` the plain one.

    Raises:
        InputError: it is none of them, or holds masks of activations.
    """
    inner = document.get("state", document)
    masks: State = {}
    for layer, entry in inner.items() if isinstance(inner, Mapping) else ():
        if isinstance(entry, torch.Tensor):
            masks[str(layer)] = entry
        for target, mask in entry.items() if isinstance(entry, Mapping) else ():
            if isinstance(mask, torch.Tensor) and not _idle(str(target), mask):
                masks[str(layer) if target == "mask" else f"{layer}.{target}"] = mask
    if not is_state(masks):
        raise InputError(
            f"{where}: expected masks by layer and tensor, {{'conv1': {{'weight': mask}}}}, or by "
            "the tensor's name; found none"
        )
    return masks


def _idle(target: str, mask: torch.Tensor) -> bool:
    """A mask of what goes in or out of a layer; only one that hides nothing can be left out."""
    if not target.startswith(("_input", "_output", "input", "output")):
        return False
    if not (mask == 1).all():
        raise InputError(
            f"mask {target!r}: expected masks of weights and biases, got one of an activation; "
            "multiply it into the layer before saving"
        )
    return True


def _pruned(state: State) -> bool:
    names = [name[: -len("_orig")] for name in state if name.endswith("_orig")]
    paired = [name for name in names if f"{name}_mask" in state]
    for name in paired:
        weight, mask = state.pop(f"{name}_orig"), state.pop(f"{name}_mask")
        state[name] = masked(name, weight, mask)
    return bool(paired)


def _parametrized(state: State) -> bool:
    matches = [match for name in list(state) if (match := _PARAMETRIZED.fullmatch(name))]
    masks = {}
    for match in matches:
        name, tensor = match["layer"] + match["name"], state.pop(match[0])
        if match["rest"] == "original":
            state[name] = tensor
        elif re.fullmatch(r"\d+\.mask", match["rest"]):
            masks[name] = tensor
        else:
            raise InputError(
                f"{match[0]}: expected a parametrization by a mask, got another one; call "
                "torch.nn.utils.parametrize.remove_parametrizations before saving"
            )
    apply(state, masks)
    return bool(matches)


def _wrapped_inside(state: State) -> bool:
    """NNI 3 keeps a wrapper inside the layer: its weight is the trained one."""
    inside = [name for name in state if "._nni_wrapper." in f".{name}"]
    taken = {name: state.pop(name) for name in inside}
    masks = {}
    for name, tensor in taken.items():
        plain = name.replace("_nni_wrapper.", "")
        if plain.endswith("_mask"):
            masks[plain[: -len("_mask")]] = tensor
        else:
            state[plain] = tensor
    apply(state, masks)
    return bool(inside)


def _wrapped(state: State) -> bool:
    """NNI 1 and 2 put a wrapper around the layer."""
    masks = [name for name in state if re.search(r"(^|\.)(weight|bias)_mask$", name)]
    layers = {name.rpartition(".")[0] for name in masks}
    wrapped = {layer for layer in layers if any(n.startswith(f"{layer}.module.") for n in state)}
    for layer in wrapped:
        for name in [name for name in state if name.startswith(f"{layer}.module.")]:
            # Where the wrapper has the tensor too, its own is the trained one.
            state.setdefault(name.replace(f"{layer}.module.", f"{layer}.", 1), state[name])
            del state[name]
        given = {key: state.pop(f"{layer}.{key}_mask", None) for key in ("weight", "bias")}
        apply(state, {f"{layer}.{k}": mask for k, mask in given.items() if mask is not None})
    return bool(wrapped)
