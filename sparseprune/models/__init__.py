"""Architectures by name, and models rebuilt from checkpoints.

A family lives in one file; this module holds the list of names, the checks and the loading.
"""

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import nn

from sparseprune.errors import InputError, first_line
from sparseprune.models import (
    deeplab,
    densenet,
    feed_forward,
    imagenet_resnet,
    mobilenet,
    mobilenet_v2,
    own,
    resize,
    resnet,
    resnet_bottleneck,
    vgg,
    vit,
    wide_resnet,
)
from sparseprune.models.own import allow

__all__ = [
    "NAMES",
    "Stored",
    "allow",
    "build",
    "create",
    "deployed",
    "load",
    "own",
    "resize",
    "width",
]

# Every builder takes (input_shape, classes) and its options as keyword-only integers or booleans.
_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "resnet8": resnet.resnet8,
    "resnet20": resnet.resnet20,
    "resnet56": resnet.resnet56,
    "resnet110": resnet.resnet110,
    "resnet56_bottleneck": resnet_bottleneck.resnet56_bottleneck,
    "resnet110_bottleneck": resnet_bottleneck.resnet110_bottleneck,
    "wrn16_8": wide_resnet.wrn16_8,
    "resnet18": imagenet_resnet.resnet18,
    "resnet50": imagenet_resnet.resnet50,
    "resnet101": imagenet_resnet.resnet101,
    "vgg8": vgg.vgg8,
    "vgg16": vgg.vgg16,
    "vgg16_bn": vgg.vgg16_bn,
    "mobilenet": mobilenet.mobilenet,
    "mobilenet_v1": mobilenet.mobilenet_v1,
    "mobilenet_v2": mobilenet_v2.mobilenet_v2,
    "densenet22": densenet.densenet22,
    "deeplabv3_resnet50": deeplab.deeplabv3_resnet50,
    "vit": vit.vit,
    "vit_tiny": vit.vit_tiny,
    "feed_forward": feed_forward.feed_forward,
}
NAMES = tuple(_BUILDERS)

# What channels are counted in, of ours and most likely of the user's own.
_WIDTHS = ("width", "growth", "hidden")

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
    name: str, *, input_shape: tuple[int, int, int], classes: int, **options: Any
) -> nn.Module:
    """``create`` with the options as keyword arguments."""
    return create(name, options, input_shape=input_shape, classes=classes)


def create(
    name: str, options: Mapping[str, Any], *, input_shape: tuple[int, int, int], classes: int
) -> nn.Module:
    """A randomly initialised network under the caller's torch seed.

    Args:
        name: one of ``NAMES``, or ``package.module:callable``, the user's own, which must have
            been allowed (``allow``) and is called with ``options`` alone.
        options: the family's own settings, such as ``width``; of the user's own, anything.
        input_shape: channels, height, width of one picture.
        classes: number of logits.

    Raises:
        InputError: an unknown name or option, an input the architecture cannot take, or an own
            network that was not allowed, cannot be built, or gives other logits.
    """
    if len(input_shape) != 3:
        raise InputError(
            f"model {name!r}: expected input_shape (channels, height, width), got {input_shape!r}"
        )
    for size in input_shape:
        _check_count(f"model {name!r}: input_shape", size)
    _check_count(f"model {name!r}: classes", classes)
    if own.is_path(name):
        model = own.build(name, options)
        _check_logits(name, model, tuple(input_shape), classes)
        return model
    if name not in _BUILDERS:
        raise InputError(
            f"unknown model {name!r}; known models: {', '.join(NAMES)}, or package.module:callable"
        )
    builder = _BUILDERS[name]
    known = _options(builder)
    for option, value in options.items():
        if option not in known:
            raise InputError(f"model {name!r} has no option {option!r}; known: {', '.join(known)}")
        _check_option(f"model {name!r}: option {option!r}", known[option], value)
    return builder(tuple(input_shape), classes, **options)


def width(name: str, options: Mapping[str, Any]) -> tuple[str, int]:
    """The option that scales all channels of an architecture, and what it is.

    Raises:
        InputError: there is none, or of the user's own network ``options`` do not say what it is.
    """
    known = dict(options)
    if name in _BUILDERS:
        parameters = inspect.signature(_BUILDERS[name]).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        known = {**defaults, **options}
    for option in _WIDTHS:
        if isinstance(known.get(option), int) and not isinstance(known[option], bool):
            return option, known[option]
    raise InputError(
        f"model {name!r}: expected an option that scales its channels ({', '.join(_WIDTHS)}), got "
        f"{', '.join(known) or 'none'}; write it into model.options, or leave out what needs it"
    )


def _check_logits(name: str, model: nn.Module, input_shape: tuple[int, ...], classes: int) -> None:
    """Run the user's network once, in eval mode: it must fit the data it is asked to learn."""
    training = model.training
    try:
        with torch.no_grad():
            logits = model.eval()(torch.zeros(2, *input_shape))
    except Exception as error:  # the user's code may raise anything
        raise InputError(
            f"model {name!r}: expected it to take pictures {list(input_shape)}, but it said "
            f"{first_line(error)}; check its options and the data"
        ) from error
    model.train(training)
    if isinstance(logits, torch.Tensor) and logits.shape[:2] != (2, classes):
        raise InputError(
            f"model {name!r}: expected logits [2, {classes}, ...] of two pictures, got "
            f"{list(logits.shape)}; check its options and the data"
        )


def load(checkpoint: Stored) -> nn.Module:
    """The network of a checkpoint, in eval mode, on the CPU, with its own copy of the tensors.

    Modules of a checkpoint whose ``form`` is "slim" are resized to the stored shapes. The network
    is built without memory (meta device), so sizes named in a file allocate nothing. A user's own
    network is built in memory, and only if ``allow`` was given its path: no file makes us import.

    Raises:
        InputError: the architecture is unknown or not allowed, or the tensors do not fit it; names
            the first key, the expected and the found shape.
    """
    section = {"options": {}, **checkpoint.model}
    for key, kind in (("name", str), ("options", dict), ("input_shape", list | tuple)):
        _check_entry(section, key, kind)
    _check_entry(section, "classes", int)
    input_shape = tuple(section["input_shape"])
    # A user's code may look at its numbers, which only memory holds.
    with torch.device("cpu" if own.is_path(section["name"]) else "meta"):
        model = create(
            section["name"],
            section["options"],
            input_shape=input_shape,
            classes=section["classes"],
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


def deployed(model: nn.Module) -> nn.Module:
    """The network without what only helps to train it: its auxiliary head, if it has one.

    The head has torchvision's name, ``aux_classifier``. Shares all tensors with ``model``.
    """
    if not isinstance(getattr(model, "aux_classifier", None), nn.Module):
        return model
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    twin = copy.deepcopy(model, dict(shared))
    twin.register_module("aux_classifier", None)
    return twin


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


def _options(builder: Callable[..., nn.Module]) -> dict[str, type]:
    """The options of a builder and their types."""
    parameters = inspect.signature(builder).parameters.values()
    return {p.name: type(p.default) for p in parameters if p.kind is p.KEYWORD_ONLY}


def _check_entry(section: Mapping[str, Any], key: str, kind: Any) -> None:
    if not isinstance(section.get(key), kind):
        raise InputError(
            f"checkpoint: expected {key!r} in its model section, got {section.get(key)!r}; "
            "write the checkpoint again"
        )


def _check_option(what: str, kind: type, value: object) -> None:
    if kind is not bool:
        _check_count(what, value)
    elif not isinstance(value, bool):
        raise InputError(f"{what}: expected true or false, got {value!r}")


def _check_count(what: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _LARGEST:
        raise InputError(f"{what}: expected a whole number from 1 to {_LARGEST}, got {value!r}")
