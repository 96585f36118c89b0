"""The rounding bound holds for honest evaluations and is exceeded by a planted error."""

import copy
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sparseprune import models
from sparseprune.convert import bounds
from sparseprune.errors import InputError

# The others are in test_large_networks.
BOUNDED = [
    name
    for name in models.NAMES
    if not name.startswith(("vit", "deeplab", "resnet101", "resnet110", "resnet56_"))
]


def logits(model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(inputs).double()


def folded(model: nn.Module) -> nn.Module:
    """A copy with every BatchNorm folded into the convolution registered before it, if any."""
    model = copy.deepcopy(model).eval()
    for parent in list(model.modules()):
        children = list(parent.named_children())
        for (name, conv), (after, norm) in pairwise(children):
            fits = isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
            if fits and conv.out_channels == norm.num_features:
                setattr(parent, name, fuse_conv_bn_eval(conv, norm))
                setattr(parent, after, nn.Identity())
    return model


@pytest.mark.parametrize("name", BOUNDED)
def test_other_evaluations_stay_within_the_bound(name, network):
    model, inputs = network(name, **({"width": 16} if name == "vgg16" else {}))
    bound = bounds.difference(model, inputs)
    assert bound.shape == (4, 10)
    assert bound.dtype == torch.float64
    here = logits(model, inputs)
    exact = logits(copy.deepcopy(model).double(), inputs.double())
    # The exact value is at most half as far away as another evaluation.
    assert (2 * (here - exact).abs() <= bound).all()
    if name != "densenet22":  # its norms follow concatenations, so there is nothing to fold
        assert ((here - logits(folded(model), inputs)).abs() <= bound).all()
    other = inputs.contiguous(memory_format=torch.channels_last)
    assert ((here - logits(model, other)).abs() <= bound).all()
    assert bound.max() < 0.05 * here.abs().max()


@pytest.mark.parametrize("name", ["resnet56", "resnet18", "resnet50"])
def test_the_likely_bound_is_tighter_and_holds_for_deep_networks(name, network):
    model, inputs = network(name)
    bound, likely = bounds.difference(model, inputs), bounds.likely_difference(model, inputs)
    assert (likely < bound).all()
    here = logits(model, inputs)
    exact = logits(copy.deepcopy(model).double(), inputs.double())
    assert (2 * (here - exact).abs() <= likely).all()
    assert ((here - logits(folded(model), inputs)).abs() <= likely).all()


def test_the_likely_bound_of_one_layer_grows_with_the_root_of_its_terms():
    model = nn.Sequential(nn.Linear(63, 2, bias=False))
    inputs = torch.randn(5, 63)
    likely = bounds.likely_difference(model, inputs)
    # 63 products and a possible bias: 64 roundings count as 8.
    assert torch.allclose(likely, 8 / 8 * bounds.difference(model, inputs), rtol=1e-9)


@pytest.mark.parametrize("name", ["resnet8", "vgg8", "mobilenet", "densenet22"])
def test_a_flipped_weight_of_any_layer_exceeds_it(name, network):
    options = {"growth": 4} if name == "densenet22" else {"width": 4}
    model, inputs = network(name, **options)
    bound, here = bounds.difference(model, inputs), logits(model, inputs)
    model(inputs).square().sum().backward()
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            # The weight that matters most: random networks have filters no picture excites.
            weight = layer.weight.detach().view(-1)
            index = int((weight * layer.weight.grad.view(-1)).abs().argmax())
            weight[index] *= -1
            assert not ((logits(model, inputs) - here).abs() <= bound).all(), layer
            weight[index] *= -1


def test_one_layer_gives_the_textbook_bound():
    model = nn.Sequential(nn.Linear(6, 2, bias=False))
    with torch.no_grad():
        model[0].weight[1, 2:] = 0
    inputs = torch.randn(5, 6)
    size = inputs.abs().double() @ model[0].weight.detach().abs().double().T
    # Nonzero weights and one for a bias that may be there after folding.
    count = torch.tensor([7.0, 3.0], dtype=torch.float64)
    expected = 2 * size * count * 2**-24 / (1 - count * 2**-24)
    assert torch.allclose(bounds.difference(model, inputs), expected, rtol=1e-5, atol=1e-30)


def test_errors_add_up_through_layers():
    first, second = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        first.weight.fill_(3.0)
        second.weight.fill_(-5.0)
    bound = bounds.difference(nn.Sequential(first, second), torch.tensor([[2.0]]))
    # Each layer: two roundings of |5 * 3 * 2|.
    assert bound.item() == pytest.approx(2 * 2 * 2 * 30 * 2**-24, rel=1e-5)


SMOOTH = [F.sigmoid, torch.tanh, F.silu, F.gelu, F.mish, F.hardswish, F.hardsigmoid]


@pytest.mark.parametrize("activation", SMOOTH)
def test_smooth_activations_round_as_assumed(activation):
    x = torch.cat([torch.linspace(-30, 30, 100_001), torch.linspace(-0.01, 0.01, 10_001)])
    error = (activation(x) - activation(x.double())).abs()
    assert (error <= bounds.SMOOTH_ERROR * bounds.UNIT * x.abs().clamp(min=1)).all()


class Mixed(nn.Module):
    """Every rule: in-place sums and rectifiers, products, gates, averages, literal factors."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 6, 3, groups=6, padding=1)
        self.norm, self.relu = nn.BatchNorm2d(6), nn.ReLU(inplace=True)
        self.c, self.d = nn.Linear(12, 5), nn.BatchNorm1d(5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.a(x))
        y = self.norm(self.b(x))
        y += x
        y = self.relu(y) * torch.sigmoid(F.avg_pool2d(x, 3, 1, 1))
        y = torch.cat([F.max_pool2d(y, 2), F.avg_pool2d(F.leaky_relu(0.5 * x, 0.3), 2)], 1)
        return self.d(self.c(F.dropout(y, 0.5, training=False).mean((2, 3))))


def test_every_rule_holds_at_once_and_changes_nothing(settled):
    torch.manual_seed(0)
    model, inputs = settled(Mixed()).train(), torch.randn(8, 1, 8, 8)
    given = inputs.clone()
    with torch.no_grad():
        bound = bounds.difference(model, inputs)
    assert torch.equal(inputs, given)
    assert model.training
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    here = logits(model, inputs)
    exact = logits(copy.deepcopy(model).double(), inputs.double())
    assert (2 * (here - exact).abs() <= bound).all()
    assert 0 < bound.max() < 1e-3 * here.abs().max()


def test_an_unknown_operation_has_no_bound():
    model = nn.Sequential(nn.Conv2d(1, 4, 1), nn.Softmax(1), nn.Flatten())
    message = "no float32 error bound is known for Softmax '1' at node '_1'"
    with pytest.raises(InputError, match=message):
        bounds.difference(model, torch.zeros(1, 1, 2, 2))


def test_a_norm_without_statistics_has_no_bound():
    model = nn.Sequential(nn.Conv2d(1, 4, 1), nn.BatchNorm2d(4, track_running_stats=False))
    with pytest.raises(InputError, match="BatchNorm layers with running statistics, got one with"):
        bounds.difference(model, torch.zeros(1, 1, 2, 2))


def test_only_logits_have_a_bound():
    with pytest.raises(InputError, match=r"whose output is one tensor \[N, classes\]"):
        bounds.difference(nn.Sequential(nn.Conv2d(1, 4, 1)), torch.zeros(1, 1, 2, 2))
