"""Against the definition in section 2.4, in float64 and plain loops."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from sparseprune.graph import trace
from sparseprune.prune import cycle, sensitivity_size
from sparseprune.prune.observe import gather
from sparseprune.prune.patches import by_channel, by_place, patches
from sparseprune.prune.sensitivity import (
    ChannelTracker,
    Tracker,
    channel_sensitivities,
    maximum,
    mean,
    sensitivities,
)
from sparseprune.recipe import Prune

CONVS = [
    {"kernel_size": 3},
    {"kernel_size": 3, "padding": 1, "stride": 2},
    {"kernel_size": (1, 3), "padding": (0, 2), "dilation": (1, 2)},
    {"kernel_size": 1},
    {"kernel_size": 1, "stride": 2},
    {"kernel_size": 3, "padding": "same", "dilation": 2},
    {"kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
]


def contributions(weight: list[float], inputs: list[float]) -> list[float]:
    """g of one unit and one patch, all signs; inputs are at least 0."""
    result = []
    for value, read in zip(weight, inputs, strict=True):
        same = [w * a for w, a in zip(weight, inputs, strict=True) if (w > 0) == (value > 0)]
        total = abs(sum(same))
        result.append(abs(value * read) / total if total > 1e-7 and value else 0.0)
    return result


def reference(weight: torch.Tensor, points: list[torch.Tensor], reduce) -> torch.Tensor:
    """Points: the patches [K, P] of each input, of any sign."""
    best = torch.zeros(weight.shape, dtype=torch.float64)
    for point in points:
        for part in (point.clamp(min=0), (-point).clamp(min=0)):
            columns = part.double().T.tolist()
            for unit, row in enumerate(weight.double().tolist()):
                shares = torch.tensor([contributions(row, column) for column in columns])
                best[unit] = torch.maximum(best[unit], reduce(shares.double(), 0))
    return best


def columns(layer: nn.Module, read: torch.Tensor) -> torch.Tensor:
    """The patches [K, P] in the order of the flattened weight, by torch's own function."""
    if isinstance(layer, nn.Linear):
        return read.T
    return functional.unfold(
        read.detach(), layer.kernel_size, layer.dilation, layer.padding, layer.stride
    )[0]


@pytest.mark.parametrize("options", CONVS)
def test_patches_times_weight_is_the_convolution(options):
    conv = nn.Conv2d(3, 4, bias=False, **options).double()
    picture = torch.randn(1, 3, 7, 6, dtype=torch.float64)
    expected = conv(picture).flatten(2)[0]
    read = patches(conv, picture)
    assert read.shape[1:3] == conv(picture).shape[2:]
    found = by_place(conv.weight) @ read.flatten(0, -2).T
    torch.testing.assert_close(found, expected)
    assert torch.equal(by_channel(by_place(conv.weight), conv.weight.shape), conv.weight)


@pytest.mark.parametrize(("ours", "theirs"), [(mean, torch.mean), (maximum, torch.amax)])
@pytest.mark.parametrize("nonnegative", [True, False])
def test_sensitivity_against_its_definition(filled, ours, theirs, nonnegative):
    model = filled(
        nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(3, 4, 1, stride=2),
            nn.Flatten(),
            nn.Linear(16, 3),
        ),
        1,
    )
    inputs = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(2))
    inputs = inputs.abs() if nonnegative else inputs
    graph = trace(model, inputs)
    found = sensitivities(gather(graph, model.state_dict(), inputs), graph.layers, ours)
    read = {"0": inputs, "2": model[:2](inputs), "4": model[:4](inputs)}
    for name, values in read.items():
        layer = model.get_submodule(name)
        points = [columns(layer, value[None]) for value in values]
        weight = layer.weight.detach().flatten(1)
        expected = reference(weight, points, theirs).reshape(layer.weight.shape)
        # Sums of at most 18 products in float32.
        torch.testing.assert_close(found[name].double(), expected, rtol=1e-5, atol=1e-6)
        assert 0 <= float(found[name].min()) <= float(found[name].max()) <= 1 + 1e-6


@pytest.mark.parametrize("padding", [0, 1])
def test_channels_have_the_largest_sensitivity_of_their_weights(filled, padding):
    """Also where bounds leave most out: many smooth inputs, zero weights, a silent channel."""
    model = filled(
        nn.Sequential(
            nn.Conv2d(4, 40, 3, padding=padding, bias=False),
            nn.ReLU(),
            nn.Conv2d(40, 70, 3, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(70, 5),
        ),
        6,
    )
    with torch.no_grad():
        model[0].weight[3] = 0
        model[2].weight[:, 5:9] *= torch.rand(70, 4, 3, 3) > 0.5
    generator = torch.Generator().manual_seed(7)
    coarse = torch.randn(21, 4, 3, 3, generator=generator)
    inputs = functional.interpolate(coarse, size=15, mode="bilinear")
    graph = trace(model, inputs)
    evidence = gather(graph, model.state_dict(), inputs)
    weights = sensitivities(evidence, graph.layers, maximum)
    found = channel_sensitivities(evidence, graph.layers)
    for name, values in weights.items():
        largest = values.flatten(2).amax((0, 2)) if values.ndim > 2 else values.amax(0)
        assert torch.equal(found[name], largest)
    assert found["2"][3] == 0


@pytest.mark.parametrize("kind", [Tracker, ChannelTracker])
def test_memory_is_three_times_the_weights_whatever_is_seen(filled, kind):
    conv = filled(nn.Conv2d(8, 16, 3), 4)
    tracker = kind(conv.weight, mean) if kind is Tracker else kind(conv.weight)
    for _ in range(3):
        tracker.see(conv, torch.rand(4, 8, 9, 9))
    held = [value for value in vars(tracker).values() if isinstance(value, torch.Tensor)]
    assert sum(value.untyped_storage().nbytes() for value in held) == 3 * conv.weight.nbytes


def test_few_inputs_are_in_work_at_a_time(filled):
    """However many are held out: that bounds activations and patches."""
    model = filled(nn.Sequential(nn.Conv2d(1, 2, 2)), 3)
    inputs = torch.rand(11, 1, 3, 3)
    graph = trace(model, inputs)
    seen = []
    evidence = gather(graph, model.state_dict(), inputs)
    evidence.visit(graph.layers, lambda image, *rest: seen.append((image, len(rest[2]))), 4)
    assert sorted(seen) == [(0, 4), (4, 4), (8, 3)]


def test_what_visitors_answer_is_what_the_network_goes_on_with(filled):
    """Views ask for the usual order of values; a layer's own forward is back afterwards."""

    class Viewing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 3, 3, padding=1, stride=2)
            self.head = nn.Linear(27, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(torch.relu(self.conv(x)).view(-1, 27))

    model = filled(Viewing(), 5)
    inputs = torch.randn(6, 2, 6, 6)
    graph = trace(model, inputs)
    evidence = gather(graph, model.state_dict(), inputs)
    layer = graph.layers[-1]
    before = []
    evidence.visit((layer,), lambda *seen: before.append(seen[3]))
    read = []
    track = Tracker(model.conv.weight, mean)

    def visit(image: int, name: str, module: nn.Module, given: torch.Tensor) -> torch.Tensor | None:
        if name == "conv":
            return track.see(module, given)
        read.append(given)
        return None

    evidence.visit(graph.layers, visit)
    # Sums of at most 18 products in float32, in another order.
    torch.testing.assert_close(torch.cat(read), torch.cat(before), rtol=1e-5, atol=1e-5)
    assert "forward" not in evidence.network.get_submodule("conv").__dict__


def test_each_input_is_a_data_point_of_its_own(filled):
    """The mean is over the patches of one input, the maximum over inputs: batches do not matter."""
    model = filled(nn.Sequential(nn.Conv2d(1, 2, 2)), 3)
    inputs = torch.rand(2, 1, 3, 3)
    graph = trace(model, inputs)
    both = sensitivities(gather(graph, model.state_dict(), inputs), graph.layers, mean)["0"]
    single = [
        sensitivities(gather(graph, model.state_dict(), part[None]), graph.layers, mean)["0"]
        for part in inputs
    ]
    torch.testing.assert_close(both, torch.maximum(*single))


def test_sipp_sees_what_is_never_fed(residual):
    """A weight of any size on a dead input contributes nothing and goes first."""
    model = residual()
    inputs, labels = residual.held_out
    silent = inputs.clone()
    silent[:, 0] = 0
    with torch.no_grad():
        model.stem.weight[:, 0] = 100
    masks = cycle(
        model,
        residual.inputs,
        Prune(method="SiPP", ratios=[0.3], unit="weights"),
        0.3,
        held_out=(silent, labels),
    ).masks
    assert not masks["stem.weight"][:, 0].any()


def test_size_of_the_sensitivity_set():
    """ResNet-20 on 32 x 32: 183 (section 2.3)."""
    activations = [16384] * 7 + [8192] * 7 + [4096] * 7 + [10]
    wanted = 3 * math.log(8 * max(activations) * sum(activations) / 1e-16)
    from sparseprune import models

    model = models.build("resnet20", input_shape=(3, 32, 32), classes=10)
    example = torch.zeros(2, 3, 32, 32)
    assert sensitivity_size(model, example, held_out=5000) == 183
    assert abs(wanted - 183) < 1
    assert sensitivity_size(model, example, held_out=100) == 50
    fewer = 3 * math.log(8 * max(activations) * sum(activations) / 1e-5)
    assert sensitivity_size(model, example, held_out=5000, delta=1e-5) == math.ceil(fewer) == 107


def test_inputs_seen_by_several_threads_are_all_seen_once(filled):
    """Results and the caller's settings are the same, whoever visits."""
    model = filled(nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Conv2d(2, 2, 1)), 3)
    inputs = torch.rand(9, 1, 3, 3)
    graph = trace(model, inputs)
    evidence = gather(graph, model.state_dict(), inputs)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            seen: list[tuple[int, str]] = []
            evidence.visit(
                graph.layers, lambda image, name, *_, seen=seen: seen.append((image, name))
            )
            assert sorted(seen) == [(image, name) for image in range(9) for name in ("0", "2")]
            found.append(sensitivities(evidence, graph.layers, maximum))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(found[0][name], found[1][name]) for name in ("0", "2"))


def test_errors_of_a_visit_come_through(filled):
    model = filled(nn.Sequential(nn.Conv2d(1, 2, 2)), 3)
    inputs = torch.rand(4, 1, 3, 3)
    graph = trace(model, inputs)

    def fail(*_: object) -> None:
        raise RuntimeError("seen")

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError, match="seen"):
            gather(graph, model.state_dict(), inputs).visit(graph.layers, fail)
    finally:
        torch.set_num_threads(before)
