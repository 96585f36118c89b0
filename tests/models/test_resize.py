"""Layers take the sizes of the tensors they are given."""

import pytest
import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.models import resize


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 16, 3, groups=8, bias=False),
        nn.Flatten(),
        nn.Linear(16, 5),
    )


def shrunk(model: nn.Module) -> dict[str, torch.Tensor]:
    """Five of the eight channels: ten outputs of the depthwise layer."""
    state = dict(model.state_dict())
    for key, tensor in state.items():
        if tensor.dim() and not key.startswith("4"):
            state[key] = tensor[: 10 if key.startswith("2") else 5]
    state["4.weight"] = state["4.weight"][:, :10]
    return state


def test_sizes_and_values_follow_the_state():
    model = network().eval()
    state = shrunk(model)
    resize.fit(model, state)
    conv, norm, depthwise, _, linear = model
    assert (conv.in_channels, conv.out_channels, conv.groups) == (3, 5, 1)
    assert norm.num_features == 5
    assert (depthwise.in_channels, depthwise.out_channels, depthwise.groups) == (5, 10, 5)
    assert (linear.in_features, linear.out_features) == (10, 5)
    assert all(torch.equal(model.state_dict()[key], state[key]) for key in state)
    assert model(torch.zeros(2, 3, 5, 5)).shape == (2, 5)


def test_fit_twice_is_fit_once():
    model = network()
    state = shrunk(model)
    resize.fit(model, state)
    resize.fit(model, state)
    assert model[2].groups == 5


def test_parameters_stay_trainable_or_frozen():
    model = network()
    model[0].weight.requires_grad_(False)
    resize.fit(model, shrunk(model))
    assert not model[0].weight.requires_grad
    assert model[4].weight.requires_grad


@pytest.mark.parametrize(
    ("key", "shape", "message"),
    [
        ("0.weight", (9, 3, 3, 3), r"0.weight: expected a shape within \(8, 3, 3, 3\), got \(9,"),
        ("0.weight", (8, 3, 1, 1), r"0.weight: expected a shape within .* got \(8, 3, 1, 1\)"),
        ("0.weight", (0, 3, 3, 3), r"0.weight: expected a shape within .* got \(0, 3, 3, 3\)"),
        ("4.weight", (5, 16, 1), r"4.weight: expected a shape within .* got \(5, 16, 1\)"),
    ],
)
def test_a_shape_that_is_no_smaller_version_is_refused_untouched(key, shape, message):
    model = network()
    state = {**model.state_dict(), key: torch.zeros(shape)}
    with pytest.raises(InputError, match=message):
        resize.fit(model, state)
    assert model[0].weight.shape == (8, 3, 3, 3)


def test_tensors_of_other_layers_must_agree():
    model = nn.Sequential(nn.GroupNorm(2, 4))
    with pytest.raises(InputError, match=r"0.weight: expected a shape within \(4,\), got \(2,\)"):
        resize.fit(model, {"0.weight": torch.zeros(2), "0.bias": torch.zeros(2)})


def test_check_names_a_missing_tensor():
    state = dict(network().state_dict())
    del state["1.bias"]
    with pytest.raises(InputError, match=r"1.bias: expected shape \(8,\), found no such tensor"):
        resize.check(network(), state)
