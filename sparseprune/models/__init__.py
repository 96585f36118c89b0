"""Architectures by name, and models rebuilt from checkpoints.

A family lives in one file; this module holds the list of names, the checks and the loading.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.models import (
    densenet,
    feed_forward,
    imagenet_resnet,
    mobilenet,
    resize,
    resnet,
    vgg,
)

__all__ = ["NAMES", "Stored", "build", "load", "resize"]

# Every builder takes (input_shape, classes) and its options as keyword-only integers.
_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "resnet8": resnet.resnet8,
    "resnet20": resnet.resnet20,
    "resnet56": resnet.resnet56,
    "resnet18": imagenet_resnet.resnet18,
    "resnet50": imagenet_resnet.resnet50,
    "vgg8": vgg.vgg8,
    "vgg16": vgg.vgg16,
    "mobilenet": mobilenet.mobilenet,
    "mobilenet_v1": mobilenet.mobilenet_v1,
    "densenet22": densenet.densenet22,
    "feed_forward": feed_forward.feed_forward,
}
NAMES = tuple(_BUILDERS)

# Wide enough for every published network; a larger number is a typing error or a hostile file.
_LARGEST = 1 << 16


class Stored(Protocol):
    """What ``load`` reads of a ``formats.Checkpoint``."""

    @property
    def model(self) -> Mapping[str, Any]:
        """name, options, input_shape [C, H, W], classes."""

    @property
    def state(self) -> Mapping[str, torch.Tensor]:
        """The state dict."""

    @property
    def meta(self) -> Mapping[str, Any]:
        """form, method, ratio and other facts."""


def build(
    name: str, *, input_shape: tuple[int, int, int], classes: int, **options: int
) -> nn.Module:
    """A randomly initialised network under the caller's torch seed.

    Args:
        name: one of ``NAMES``.
        input_shape: channels, height, width of one picture.
        classes: number of logits.
        **options: the family's own settings, such as ``width``.

    Raises:
        InputError: an unknown name or option, or an input the architecture cannot take.
    """
    if name not in _BUILDERS:
        raise InputError(f"unknown model {name!r}; known models: {', '.join(NAMES)}")
    builder = _BUILDERS[name]
    known = _options(builder)
    for option, value in options.items():
        if option not in known:
            raise InputError(f"model {name!r} has no option {option!r}; known: {', '.join(known)}")
        _check_count(f"model {name!r}: option {option!r}", value)
    if len(input_shape) != 3:
        raise InputError(
            f"model {name!r}: expected input_shape (channels, height, width), got {input_shape!r}"
        )
    for size in input_shape:
        _check_count(f"model {name!r}: input_shape", size)
    _check_count(f"model {name!r}: classes", classes)
    return builder(tuple(input_shape), classes, **options)


def load(checkpoint: Stored) -> nn.Module:
    """The network of a checkpoint, in eval mode, on the CPU, with its own copy of the tensors.

    Modules of a checkpoint whose ``form`` is "slim" are resized to the stored shapes. The network
    is built without memory (meta device), so sizes named in a file allocate nothing.

    Raises:
        InputError: the architecture is unknown or the tensors do not fit it; names the first key,
            the expected and the found shape.
    """
    section = {"options": {}, **checkpoint.model}
    for key, kind in (("name", str), ("options", dict), ("input_shape", list | tuple)):
        _check_entry(section, key, kind)
    _check_entry(section, "classes", int)
    input_shape = tuple(section["input_shape"])
    with torch.device("meta"):
        model = build(
            section["name"],
            input_shape=input_shape,
            classes=section["classes"],
            **section["options"],
        )
    slim = checkpoint.meta.get("form") == "slim"
    if slim:
        resize.fit(model, checkpoint.state)
    else:
        resize.check(model, checkpoint.state)
        resize.assign(model, checkpoint.state)
    model.eval()
    if slim:
        _try(model, input_shape)
    return model


def _try(model: nn.Module, input_shape: tuple[int, ...]) -> None:
    """Run one zero picture: slim layers must fit each other, not only the architecture."""
    try:
        with torch.no_grad():
            model(torch.zeros(1, *input_shape))
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"checkpoint: expected slim layers that fit each other, got: {reason}; slim it again"
        ) from error


def _options(builder: Callable[..., nn.Module]) -> list[str]:
    parameters = inspect.signature(builder).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]


def _check_entry(section: Mapping[str, Any], key: str, kind: Any) -> None:
    if not isinstance(section.get(key), kind):
        raise InputError(
            f"checkpoint: expected {key!r} in its model section, got {section.get(key)!r}; "
            "write the checkpoint again"
        )


def _check_count(what: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _LARGEST:
        raise InputError(f"{what}: expected a whole number from 1 to {_LARGEST}, got {value!r}")
