import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sparseprune import models
from sparseprune.accelerator.dense import Dense
from sparseprune.accelerator.fuse import fuse
from sparseprune.accelerator.layer import ACTIVATIONS
from sparseprune.errors import InputError


class Calls(nn.Module):
    """A forward method of layers that are given by name."""

    def __init__(self, function, **layers):
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.function(self, x)


def conv(channels=4, filters=4, kernel=3, **options):
    return nn.Conv2d(channels, filters, kernel, padding=kernel // 2, **options)


def fused(model, *inputs):
    """The folded copy, which must answer as the model does, to the digits of float64."""
    model = model.double().eval()
    inputs = tuple(x.double() for x in inputs)
    found = fuse(model, inputs)
    with torch.no_grad():
        expected = model(*(x.clone() for x in inputs))
        got = found.network(*(x.clone() for x in inputs))
    assert torch.allclose(got, expected, rtol=1e-11, atol=1e-11)
    return found


def test_residual_blocks_become_one_call_a_layer(resnet):
    x = torch.randn(2, 16, 6, 6)
    found = fused(resnet, x)
    called = [node.target for node in found.network.graph.nodes if node.op == "call_module"]
    assert len(called) == 8  # six layers, the pool and the flattening
    assert not any(isinstance(m, nn.BatchNorm2d | nn.ReLU) for m in found.network.modules())
    ends = {name: (layer.residual, layer.activation) for name, layer in found.layers.items()}
    assert ends == {
        "0.conv1": (False, "relu"),
        "0.conv2": (False, "identity"),
        "0.shortcut.0": (True, "relu"),
        "1.conv1": (False, "relu"),
        "1.conv2": (True, "relu"),
        "4": (False, "identity"),
    }
    assert found.left == {}


@pytest.mark.parametrize("name", ["resnet20", "mobilenet_v2", "vgg8", "vit", "densenet22"])
def test_networks_of_ours_answer_as_before(name, settled):
    torch.manual_seed(0)
    model = settled(models.build(name, input_shape=(3, 32, 32), classes=10))
    found = fused(model, torch.randn(1, 3, 32, 32))
    assert len(found.layers) > 5


@pytest.mark.parametrize("activation", ACTIVATIONS[1:])
def test_each_activation_is_folded(activation):
    model = Calls(lambda self, x: getattr(F, activation)(self.layer(x)), layer=nn.Linear(6, 5))
    assert fused(model, torch.randn(3, 6)).layers["layer"].activation == activation


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda self, x: F.gelu(self.layer(x), approximate="tanh"), ("identity", False)),
        (lambda self, x: F.relu(self.layer(x) + 1), ("identity", False)),
        (lambda self, x: self.layer(x) + self.layer2(x)[:, :1], ("identity", False)),
        (lambda self, x: (y := self.layer(x)) + F.relu(y), ("identity", False)),
        (lambda self, x: (y := self.layer(x)) + y, ("identity", False)),
        (lambda self, x: F.relu(F.relu(self.layer(x)) + x), ("relu", False)),
        (lambda self, x: F.relu(x.add_(self.layer(x))), ("identity", False)),
        (lambda self, x: F.relu(self.layer(x).add_(x)), ("relu", True)),
        (lambda self, x: F.relu(self.layer(x) + x + x), ("identity", True)),
    ],
)
def test_what_is_not_the_same_is_left_out(function, expected):
    model = Calls(function, layer=conv(), layer2=conv())
    layer = fused(model, torch.randn(2, 4, 5, 5)).layers["layer"]
    assert (layer.activation, layer.residual) == expected


def test_a_layer_is_not_moved_past_what_overwrites_its_input():
    def forward(self, x):
        y = self.layer(x)
        return F.relu(x, inplace=True) + y

    layer = fused(Calls(forward, layer=conv()), torch.randn(2, 4, 5, 5)).layers["layer"]
    assert not layer.residual


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (conv(padding_mode="reflect"), "pads with 'reflect'"),
        (nn.Conv2d(4, 4, 2, padding="same"), "from side to side"),
    ],
)
def test_layers_that_torch_alone_knows_stay(layer, reason):
    found = fused(Calls(lambda self, x: self.layer(x), layer=layer), torch.randn(1, 4, 5, 5))
    assert reason in found.left["layer"]


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_padding_may_be_named(padding):
    model = Calls(lambda self, x: self.layer(x), layer=nn.Conv2d(4, 4, (3, 5), padding=padding))
    assert not fused(model, torch.randn(1, 4, 7, 6)).left


def test_layers_called_twice_stay():
    model = Calls(lambda self, x: F.relu(self.layer(self.layer(x))), layer=conv())
    assert fused(model, torch.randn(1, 4, 5, 5)).left == {"layer": "called more than once"}


def test_batch_norm_without_statistics_stays(settled):
    norm = nn.BatchNorm2d(4, track_running_stats=False)
    model = Calls(lambda self, x: self.norm(self.layer(x)), layer=conv(), norm=norm)
    found = fused(settled(model), torch.randn(2, 4, 5, 5))
    assert isinstance(found.network.norm, nn.BatchNorm2d)


def test_batch_norm_after_a_linear_layer_is_folded(settled):
    model = settled(nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(), nn.ReLU()))
    found = fused(model, torch.randn(3, 6))
    assert found.layers["0"].activation == "relu"


def test_a_sum_with_a_layer_that_was_folded_before_is_folded(settled):
    model = Calls(
        lambda s, x: s.norm(s.a(x)) + torch.relu(s.b(x)), a=conv(), b=conv(), norm=nn.BatchNorm2d(4)
    )
    found = fused(settled(model), torch.randn(2, 4, 5, 5))
    assert found.layers["a"].residual
    assert found.layers["b"].activation == "relu"


@pytest.mark.parametrize("function", [lambda s, x: s.a(s.place) + x, lambda s, x: s.a(x) + s.place])
def test_parameters_are_not_taken_for_images_where_there_is_one(function):
    model = Calls(function, a=conv())
    model.place = nn.Parameter(torch.randn(1, 4, 5, 5))
    found = fused(model, torch.randn(1, 4, 5, 5))
    assert not found.layers["a"].residual
    images = torch.randn(3, 4, 5, 5).double()
    with torch.no_grad():
        assert torch.allclose(found.network(images), model(images))


def test_views_take_images_that_lie_channels_last():
    model = Calls(lambda self, x: self.layer(x).view(x.shape[0], -1), layer=conv())
    network = fuse(model, torch.randn(2, 4, 5, 5)).network
    x = torch.randn(2, 4, 5, 5)
    with torch.no_grad():
        assert torch.allclose(
            network(x.contiguous(memory_format=torch.channels_last)), model(x), atol=1e-5
        )


def test_inputs_by_name_are_found():
    model = Calls(lambda self, x: self.layer(input=x), layer=conv())
    assert isinstance(fused(model, torch.randn(1, 4, 5, 5)).network.layer, Dense)


def test_dropouts_that_drop_in_eval_mode_stay():
    model = Calls(lambda self, x: F.relu(F.dropout(self.layer(x), 1.0)), layer=conv())
    assert fused(model, torch.randn(1, 4, 5, 5)).layers["layer"].activation == "identity"


def test_the_model_stays_as_it_was(resnet):
    before = {name: value.clone() for name, value in resnet.state_dict().items()}
    fuse(resnet.train(), torch.randn(1, 16, 6, 6))
    assert resnet.training
    assert all(torch.equal(value, before[name]) for name, value in resnet.state_dict().items())


def test_models_that_cannot_be_traced_are_refused():
    model = Calls(lambda self, x: self.layer(x) if x.sum() > 0 else x, layer=conv())
    with pytest.raises(InputError, match=r"torch\.fx can trace"):
        fuse(model, torch.randn(1, 4, 5, 5))
