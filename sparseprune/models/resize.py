"""Give a model's layers the sizes of a state dict's tensors."""

from collections.abc import Mapping

import torch
from torch import nn

from sparseprune.errors import InputError

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
SIZED = (nn.Conv2d, nn.Linear, *_NORMS)


def fit(model: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Shrink ``model``'s layers in place to the shapes in ``state`` and load copies of its tensors.

    Conv2d (depthwise too), Linear and BatchNorm may lose channels; kernel sizes, ranks and every
    other tensor must agree. Depthwise convolutions keep their outputs per input.

    Raises:
        InputError: a key is missing or unknown, or a tensor is not a smaller version of the
            model's; ``model`` is then unchanged.
    """
    _check_names(model, state)
    shrinkable = {
        f"{name}.{key}"
        for name, module in model.named_modules(remove_duplicate=False)
        if isinstance(module, SIZED)
        for key in module.state_dict()
    }
    for key, tensor in model.state_dict().items():
        expected, found = tuple(tensor.shape), tuple(state[key].shape)
        fits = _shrinks(expected, found) if key in shrinkable else expected == found
        if not fits:
            raise InputError(f"{key}: expected a shape within {expected}, got {found}")
    for name, module in model.named_modules():
        if isinstance(module, SIZED):
            _resize(module, name, state)
    assign(model, state)


def check(model: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Compare names and shapes.

    Raises:
        InputError: names the first key that differs, the expected and the found shape.
    """
    _check_names(model, state)
    for key, tensor in model.state_dict().items():
        if tensor.shape != state[key].shape:
            raise InputError(
                f"{key}: expected shape {tuple(tensor.shape)}, got {tuple(state[key].shape)}; "
                "give the checkpoint of this architecture and input shape"
            )


def assign(model: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Put copies of ``state``'s tensors in place of ``model``'s; shapes must agree."""
    model.load_state_dict({key: tensor.clone() for key, tensor in state.items()}, assign=True)


def _check_names(model: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """The same keys, each with the same type of numbers."""
    expected = model.state_dict()
    for key, tensor in expected.items():
        if key not in state:
            raise InputError(f"{key}: expected shape {tuple(tensor.shape)}, found no such tensor")
        if state[key].dtype != tensor.dtype:
            raise InputError(f"{key}: expected {tensor.dtype}, got {state[key].dtype}; convert it")
    for key, tensor in state.items():
        if key not in expected:
            shape = tuple(tensor.shape)
            raise InputError(f"{key}: the model has no such tensor, found shape {shape}")


def _shrinks(expected: tuple[int, ...], found: tuple[int, ...]) -> bool:
    """Whether ``found`` has the same rank and kernel, and from one to as many channels."""
    return (
        len(expected) == len(found)
        and all(0 < f <= e for e, f in zip(expected[:2], found[:2], strict=True))
        and expected[2:] == found[2:]
    )


def _resize(module: nn.Module, name: str, state: Mapping[str, torch.Tensor]) -> None:
    """Set the sizes of one layer and give its tensors (without memory) the stored shapes."""
    shapes = {key: state[f"{name}.{key}" if name else key].shape for key in module.state_dict()}
    if isinstance(module, nn.Conv2d):
        _size_conv(module, shapes["weight"])
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = shapes["weight"]
    elif isinstance(module, _NORMS) and shapes:
        module.num_features = next(iter(shapes.values()))[0]
    for key, shape in shapes.items():
        old = getattr(module, key)
        empty = torch.empty(shape, dtype=old.dtype, device="meta")
        if isinstance(old, nn.Parameter):
            empty = nn.Parameter(empty, requires_grad=old.requires_grad)
        setattr(module, key, empty)


def _size_conv(conv: nn.Conv2d, weight: torch.Size) -> None:
    """``weight`` is [outputs, inputs / groups, height, width]."""
    if conv.groups == conv.in_channels and conv.groups > 1:
        conv.groups = weight[0] // (conv.out_channels // conv.in_channels)
    conv.out_channels = weight[0]
    conv.in_channels = weight[1] * conv.groups
