"""Tracing: what comes out, what is left alone, what is refused."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from sparseprune import graph, models
from sparseprune.errors import InputError


def resnet8() -> nn.Module:
    return models.build("resnet8", input_shape=(1, 28, 28), classes=10)


def test_layers_have_weight_shapes_and_positions():
    layers = {x.name: x for x in graph.layers(resnet8(), torch.zeros(3, 1, 28, 28))}
    assert len(layers) == 10
    assert layers["conv1"] == graph.Layer("conv1", (16, 1, 3, 3), 14 * 14)
    assert layers["layer3.0.downsample.0"].positions == 4 * 4
    assert layers["fc"] == graph.Layer("fc", (10, 64), 1)


def test_output_layers_are_found_behind_anything(between):
    assert graph.output_layers(resnet8(), torch.zeros(1, 1, 28, 28)) == ("fc",)

    class TwoHeads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Conv2d(1, 4, 1)
            self.a, self.b, self.c = (nn.Conv2d(4, 2, 1) for _ in range(3))

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            y = self.body(x)
            z = (self.a(y) + self.b(y)).mean((2, 3))
            return {"class": torch.log_softmax(z, 1), "map": self.c(y)}

    network = graph.trace(TwoHeads(), torch.zeros(1, 1, 4, 4))
    assert network.output_layers == ("a", "b", "c")
    for layer in network.output_layers:
        assert network.group_of(layer).refusal == "produces the network's output"
    assert network.group_of("body").prunable


def test_pooled_input_as_output_needs_no_layer():
    network = graph.trace(nn.Sequential(nn.MaxPool2d(2)), torch.zeros(1, 1, 4, 4))
    assert network.groups == ()
    assert network.output_layers == ()


def test_the_model_and_the_inputs_are_left_as_they_were():
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)).train()
    before = copy.deepcopy(model.state_dict())
    inputs = torch.randn(2, 1, 4, 4)
    given = inputs.clone()
    network = graph.trace(model, inputs)
    assert model.training
    assert all(module.training for module in model.modules())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert torch.equal(inputs, given)
    assert network.traced.get_submodule("1") is not model[1]


def test_several_inputs():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Conv2d(1, 4, 1), nn.Conv2d(2, 4, 1), nn.Conv2d(4, 1, 1)

        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return self.c(self.a(x) + self.b(y))

    inputs = torch.zeros(1, 1, 4, 4), torch.zeros(1, 2, 4, 4)
    group = graph.trace(Net(), inputs).group_of("a")
    assert [m.layer for m in group.producers] == ["a", "b"]


def test_shared_tensors_are_refused():
    model = nn.Sequential(nn.Conv2d(1, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1))
    model.append(nn.Conv2d(4, 2, 1))
    model[2].weight = model[1].weight
    network = graph.trace(model, torch.zeros(1, 1, 2, 2))
    for layer in ("0", "1", "2"):
        refusal = network.group_of(layer).refusal
        assert refusal == "layers 1 and 2 share the tensor '1.weight'"


def test_a_weight_that_is_also_read_directly_keeps_its_layer():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 4, 1), nn.Conv2d(4, 2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(torch.relu(self.a(x))) + self.a.weight.sum()

    network = graph.trace(Net(), torch.zeros(1, 1, 2, 2))
    assert "direct use of tensor 'a.weight'" in network.group_of("a").refusal


def test_parametrised_layers_are_not_understood():
    model = nn.Sequential(nn.Conv2d(1, 4, 1), nn.Identity(), nn.Conv2d(4, 4, 1))
    model.append(nn.Conv2d(4, 2, 1))
    parametrizations.weight_norm(model[2])
    network = graph.trace(model, torch.zeros(1, 1, 2, 2))
    assert "ParametrizedConv2d '2' at node '_2'" in network.group_of("0").refusal


def test_a_single_input_channel_is_no_depthwise_layer():
    network = graph.trace(
        nn.Sequential(nn.Conv2d(1, 4, 1), nn.Conv2d(4, 1, 1)), torch.zeros(1, 1, 2, 2)
    )
    assert [m.layer for m in network.group_of("0").producers] == ["0"]
    assert len(network.layers) == 2


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


def test_a_model_fx_cannot_trace_is_refused_with_the_reason():
    with pytest.raises(
        InputError, match=r"a model torch.fx can trace, got: .*control flow.*; take"
    ):
        graph.trace(Branching(), torch.zeros(1))


def test_inputs_the_model_does_not_take_are_refused(capfd):
    with pytest.raises(InputError, match=r"example_inputs the model accepts, got shape \(1, 3, 8"):
        graph.trace(resnet8(), torch.zeros(1, 3, 8, 8))
    assert capfd.readouterr() == ("", "")


def test_inputs_that_are_no_tensors_are_refused():
    with pytest.raises(InputError, match="a tensor or a tuple of tensors, got list"):
        graph.trace(resnet8(), [torch.zeros(1, 1, 28, 28)])


def test_a_model_with_pruning_hooks_is_refused_with_the_remedy():
    model = resnet8()
    prune.l1_unstructured(model.fc, "weight", 0.5)
    with pytest.raises(
        InputError, match=r"a model that can be copied, .* torch.nn.utils.prune.rem"
    ):
        graph.trace(model, torch.zeros(1, 1, 28, 28))
    prune.remove(model.fc, "weight")
    assert graph.output_layers(model, torch.zeros(1, 1, 28, 28)) == ("fc",)


def test_reading_the_type_or_device_of_a_tensor_refuses_nothing():
    class Casts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 4, 1), nn.Conv2d(4, 2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.a(x)
            return self.b(y) * torch.ones((), dtype=y.dtype, device=y.device)

    network = graph.trace(Casts(), torch.zeros(1, 1, 4, 4))
    assert network.group_of("a").prunable
    assert network.output_layers == ("b",)
