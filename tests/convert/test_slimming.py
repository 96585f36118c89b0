"""Slim networks answer as their masked twins do, and are as small as the masks allow."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sparseprune import models
from sparseprune.convert import bounds, slim
from sparseprune.errors import InputError
from sparseprune.formats.checkpoint import Checkpoint
from sparseprune.runtime import TorchRunner

# The others are in test_large_networks.
BOUNDED = [
    name
    for name in models.NAMES
    if not name.startswith(("vit", "deeplab", "resnet101", "resnet110", "resnet56_"))
]
NARROW = {"vgg16": {"width": 8}, "resnet20": {"width": 8}}


def assert_equal(twin: nn.Module, slimmed: nn.Module, inputs: torch.Tensor) -> None:
    """Both networks answer alike within the computed rounding error."""
    bound = bounds.difference(twin, inputs)
    answers = [TorchRunner(network).predict(inputs.numpy()) for network in (twin, slimmed)]
    assert (abs(answers[1] - answers[0]) <= bound.numpy()).all()
    # The gate can fail: the bound stays far below the logits themselves.
    with torch.no_grad():
        assert bound.max() < 0.05 * twin(inputs).abs().max()


@pytest.mark.parametrize("round_to", [1, 8])
@pytest.mark.parametrize("ratio", [0.3, 0.8])
@pytest.mark.parametrize("name", BOUNDED)
def test_every_family_slims_to_its_masked_twin(
    name, ratio, round_to, network, channel_masks, masked
):
    model, inputs = network(name, **NARROW.get(name, {}))
    masks = channel_masks(model, inputs, ratio)
    twin = masked(model, masks)
    slimmed = slim(model, inputs, round_to=round_to, masks=masks)
    assert_equal(twin, slimmed.model, inputs)
    before, after = slimmed.record["params"]
    assert before == sum(p.numel() for p in model.parameters())
    assert after == sum(p.numel() for p in slimmed.model.parameters()) < before
    for layer, (old, new) in slimmed.record["channels"].items():
        assert new % round_to == 0 or new == old
        assert slimmed.model.get_submodule(layer).weight.shape[0] == new
    # Zeros in the weights say the same as masks.
    assert slim(twin, inputs, round_to=round_to).record == slimmed.record


@pytest.mark.parametrize("name", ["resnet8", "densenet22"])
@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    ratio=st.floats(0, 1),
    round_to=st.integers(1, 9),
    independent=st.booleans(),
)
def test_any_masks_on_residual_and_dense_networks(
    network, channel_masks, masked, name, seed, ratio, round_to, independent
):
    options = {"width": 4} if name == "resnet8" else {"growth": 4}
    model, inputs = network(name, seed, **options)
    masks = channel_masks(model, inputs, ratio, seed=seed, independent=independent)
    slimmed = slim(model, inputs, round_to=round_to, masks=masks)
    assert_equal(masked(model, masks), slimmed.model, inputs)


def test_one_channel_of_a_sum_stays_where_any_summand_keeps_it(network):
    model, inputs = network("resnet8")
    with torch.no_grad():
        # Stem: channels 0..3 die; residual branch: channels 2..5.
        for layer, norm, dead in (
            ("conv1", "bn1", slice(0, 4)),
            ("layer1.0.conv2", "layer1.0.bn2", slice(2, 6)),
        ):
            model.get_submodule(layer).weight[dead] = 0
            model.get_submodule(norm).weight[dead] = 0
            model.get_submodule(norm).bias[dead] = 0
    slimmed = slim(model, inputs, coupling="independent")
    assert slimmed.record["coupling"] == "independent"
    assert slimmed.record["rule"] == "union of kept channels"
    assert slimmed.record["removed"] == 2
    for layer in ("conv1", "layer1.0.conv2"):
        assert slimmed.record["channels"][layer] == [16, 14]
    kept = torch.tensor([0, 1, *range(4, 16)])
    assert torch.equal(slimmed.model.conv1.weight, model.conv1.weight[kept])
    assert_equal(model, slimmed.model, inputs)


def test_a_constant_channel_stays(network):
    model, inputs = network("resnet8")
    with torch.no_grad():
        model.conv1.weight[0] = 0
        model.layer1[0].conv1.weight[0] = 0
        model.layer1[0].bn1.weight[0] = 0
    # The stem's channel is beta, the block's is relu(beta): no zeros.
    assert slim(model, inputs).record["removed"] == 0


def test_rounding_keeps_zero_channels_up_to_what_there_is(network, channel_masks):
    model, inputs = network("vgg8", width=6)
    masks = channel_masks(model, inputs, 0.8)

    def widths(round_to: int) -> list[int]:
        channels = slim(model, inputs, round_to=round_to, masks=masks).record["channels"]
        return [after for _, after in channels.values()][:-1]

    full = [6, 6, 12, 12, 24, 24, 24]
    assert widths(4) == [min(4 * math.ceil(w / 4), f) for w, f in zip(widths(1), full, strict=True)]
    assert widths(32) == full


def test_a_network_of_zeros_keeps_a_channel_everywhere(network, channel_masks):
    model, inputs = network("mobilenet", width=4)
    slimmed = slim(model, inputs, masks=channel_masks(model, inputs, 1.1))
    assert {new for _, new in list(slimmed.record["channels"].values())[:-1]} == {1}
    assert slimmed.model(inputs).shape == (4, 10)


def test_nothing_to_remove_gives_an_equal_model_and_says_so(network):
    model, inputs = network("densenet22", growth=4)
    slimmed = slim(model, inputs, round_to=8)
    assert slimmed.record["removed"] == 0
    assert slimmed.record["params"][0] == slimmed.record["params"][1]
    assert slimmed.model is not model
    state = slimmed.model.state_dict()
    assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())


def test_the_model_given_is_left_as_it_was(network, channel_masks):
    model, inputs = network("resnet8")
    model.train()
    before = copy.deepcopy(model.state_dict())
    slimmed = slim(model, inputs, masks=channel_masks(model, inputs, 0.5))
    assert model.training
    assert slimmed.model.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    with torch.no_grad():
        slimmed.model.fc.weight.add_(1)
    assert torch.equal(before["fc.weight"], model.fc.weight)


@pytest.mark.parametrize("name", ["resnet8", "mobilenet", "densenet22", "vgg8"])
def test_a_slim_checkpoint_is_rebuilt(name, network, channel_masks):
    model, inputs = network(name)
    slimmed = slim(model, inputs, masks=channel_masks(model, inputs, 0.6)).model
    section = {"name": name, "options": {}, "input_shape": [1, 16, 16], "classes": 10}
    rebuilt = models.load(Checkpoint(section, slimmed.state_dict(), {"form": "slim"}))
    with torch.no_grad():
        assert torch.equal(rebuilt(inputs), slimmed.eval()(inputs))


class Own(nn.Module):
    """Everything at once: a sum, a concatenation, functional activations, gates, a view."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.left = nn.Conv2d(8, 8, 3, padding=1)
        self.right = nn.Conv2d(8, 6, 1, bias=False)
        self.norm = nn.BatchNorm2d(14)
        self.squeeze, self.excite = nn.Linear(14, 4), nn.Linear(4, 14)
        self.deep = nn.Conv2d(14, 14, 3, stride=2, groups=14)
        self.head = nn.Linear(14 * 9, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.stem(x))
        x = torch.cat([F.relu6(x + self.left(x)), F.hardswish(self.right(x))], 1)
        x = F.leaky_relu(self.norm(x), 0.1)
        gate = torch.sigmoid(self.excite(F.silu(self.squeeze(x.mean((2, 3))))))
        x = x * gate.view(x.size(0), -1).unsqueeze(-1).unsqueeze(-1)
        x = F.max_pool2d(self.deep(x), 1)
        return self.head(x.view(x.size(0), -1))


def test_an_own_module_slims(settled, channel_masks, masked):
    torch.manual_seed(0)
    model, inputs = settled(Own()).eval(), torch.randn(4, 1, 8, 8)
    masks = channel_masks(model, inputs, 0.5)
    slimmed = slim(model, inputs, masks=masks)
    # Everything but the output layer lost channels; the gate's sigmoid is no obstacle, because a
    # gated zero is zero.
    assert all(new < old for old, new in list(slimmed.record["channels"].values())[:-1])
    assert_equal(masked(model, masks), slimmed.model, inputs)


def test_flattened_channels_leave_a_norm_with_all_their_positions(settled, channel_masks, masked):
    layers = nn.Conv2d(1, 6, 3), nn.Flatten(), nn.BatchNorm1d(24), nn.Linear(24, 3)
    model, inputs = settled(nn.Sequential(*layers)).eval(), torch.randn(4, 1, 4, 4)
    masks = channel_masks(model, inputs, 0.5)
    slimmed = slim(model, inputs, masks=masks).model
    assert slimmed[2].num_features == 4 * slimmed[0].out_channels < 24
    assert_equal(masked(model, masks), slimmed, inputs)


def test_a_module_under_two_names_slims_once(settled):
    model = nn.Sequential(nn.Conv2d(1, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.ReLU())
    model.append(model[2]).append(nn.Conv2d(8, 2, 1))
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.weight[:3], layer.bias[:3] = 0, 0
    inputs = torch.randn(2, 1, 3, 3)
    slimmed = slim(model, inputs).model
    assert slimmed[4] is slimmed[2]
    assert slimmed[2].weight.shape == (5, 5, 1, 1)
    with torch.no_grad():
        assert torch.allclose(slimmed(inputs), model(inputs), rtol=0, atol=1e-6)


def test_an_activation_that_turns_zero_into_something_keeps_its_channels():
    model = nn.Sequential(nn.Conv2d(1, 8, 1), nn.Sigmoid(), nn.Conv2d(8, 2, 1))
    with torch.no_grad():
        model[0].weight[:3], model[0].bias[:3] = 0, 0
    assert slim(model, torch.randn(2, 1, 3, 3)).record["removed"] == 0


@pytest.mark.parametrize("round_to", [0, -8])
def test_rounding_to_nothing_is_refused(network, round_to):
    model, inputs = network("resnet8")
    with pytest.raises(
        InputError, match=f"round_to: expected a whole number from 1, got {round_to}"
    ):
        slim(model, inputs, round_to=round_to)


def test_masks_of_another_network_are_refused(network):
    model, inputs = network("resnet8")
    with pytest.raises(InputError, match="mask 'nope'"):
        slim(model, inputs, masks={"nope": torch.ones(3, dtype=torch.bool)})
