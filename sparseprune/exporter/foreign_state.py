"""A state dict out of anyone's checkpoint file; nothing in the file is executed."""

import re
import textwrap
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from sparseprune.errors import InputError, first_line

State = dict[str, torch.Tensor]

# Where training scripts keep the weights, the commonest first; "net" and "ema" are timm's and
# YOLO's habits.
_PLACES = ("state_dict", "model_state_dict", "model", "net", "weights", "module", "ema")
# DataParallel and torch.compile put themselves before every name.
_WRAPPERS = ("module.", "_orig_mod.")


def read(path: Path) -> tuple[State, dict[str, Any]]:
    """The tensors by name, without the prefixes of wrappers, and what else the file holds.

    Raises:
        InputError: the file is missing or damaged, could only be read by running code in it, or
            holds no state dict.
    """
    document = unpack(path)
    if is_state(document):
        return _plain(document), {}
    for place in _PLACES:
        if is_state(document.get(place)):
            rest = {key: value for key, value in document.items() if key != place}
            return _plain(document[place]), rest
    raise InputError(
        f"{path}: expected a state dict, itself or under one of {', '.join(_PLACES)}, found "
        f"{_first(map(str, document))}; save torch.save(model.state_dict(), path)"
    )


def unpack(path: Path) -> dict[Any, Any]:
    """The dictionary in a safetensors file or a torch checkpoint.

    Raises:
        InputError: the file is missing, damaged, holds something else, or is not only tensors and
            plain containers.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected a checkpoint file, found none; check the path")
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong is said below
            document = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise InputError(
            f"{path}: expected a whole safetensors file, got {first_line(error)}; save it again"
        ) from error
    except Exception as error:  # torch reports what it refuses and what is damaged in many types
        raise InputError(
            f"{path}: expected tensors in plain containers, which are read without running code "
            f"from the file, but {_refused(error)}; save torch.save(model.state_dict(), path), or "
            "a safetensors file"
        ) from error
    if not isinstance(document, Mapping):
        raise InputError(
            f"{path}: expected a state dict, got {type(document).__name__}; "
            "save torch.save(model.state_dict(), path)"
        )
    return dict(document)


def is_state(value: object) -> bool:
    """Whether it is a dictionary of tensors by name."""
    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(isinstance(key, str) for key in value)
        and all(isinstance(item, torch.Tensor) for item in value.values())
    )


def _plain(state: Mapping[str, torch.Tensor]) -> State:
    found = {name.replace("_orig_mod.", ""): tensor for name, tensor in state.items()}
    for prefix in _WRAPPERS:
        while all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return found


def _refused(error: Exception) -> str:
    """What torch met, without its advice on how to run the code all the same."""
    text = " ".join(str(error).split())
    if found := re.search(r"GLOBAL ([\w.]{1,100})", text):
        return f"it holds an object of the class {found[1]}"
    if "TorchScript" in text:
        return "it is a TorchScript archive, which is a program"
    unpickler = re.search(r"WeightsUnpickler error: (.*)", text)
    said = textwrap.shorten(unpickler[1] if unpickler else text, 200, placeholder=" ...")
    return f"torch says {type(error).__name__}: {said.rstrip('.')}"


def _first(names: Any) -> str:
    shown = sorted(names)
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
