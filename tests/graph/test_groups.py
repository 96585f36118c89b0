"""Groups of the built-in families, as the architectures imply them."""

import numpy as np
import pytest
import torch
from torch import nn

from sparseprune import graph, models
from sparseprune.graph import Member

INPUT = "carries the network's input"
OUTPUT = "produces the network's output"

# Large families at sizes that take no time to draw; the wiring is the same.
NARROW = {
    "resnet50": {"width": 8},
    "resnet101": {"width": 8},
    "deeplabv3_resnet50": {"width": 8},
    "vgg16_bn": {"width": 8},
    "wrn16_8": {"width": 16},
    "vit_tiny": {"width": 24},
}


def traced(name: str, shape: tuple[int, int, int], **options: int) -> graph.NetworkGraph:
    model = models.build(name, input_shape=shape, classes=10, **options)
    return graph.trace(model, torch.zeros(1, *shape))


def test_resnet8(rows):
    network = traced("resnet8", (1, 28, 28))
    assert rows(network) == [
        (1, [], [], ["conv1"], INPUT),
        (
            16,
            ["conv1", "layer1.0.conv2"],
            ["bn1", "layer1.0.bn2"],
            ["layer1.0.conv1", "layer2.0.conv1", "layer2.0.downsample.0"],
            "",
        ),
        (16, ["layer1.0.conv1"], ["layer1.0.bn1"], ["layer1.0.conv2"], ""),
        (32, ["layer2.0.conv1"], ["layer2.0.bn1"], ["layer2.0.conv2"], ""),
        (
            32,
            ["layer2.0.conv2", "layer2.0.downsample.0"],
            ["layer2.0.bn2", "layer2.0.downsample.1"],
            ["layer3.0.conv1", "layer3.0.downsample.0"],
            "",
        ),
        (64, ["layer3.0.conv1"], ["layer3.0.bn1"], ["layer3.0.conv2"], ""),
        (
            64,
            ["layer3.0.conv2", "layer3.0.downsample.0"],
            ["layer3.0.bn2", "layer3.0.downsample.1"],
            ["fc"],
            "",
        ),
        (10, ["fc"], [], [], OUTPUT),
    ]


def test_depthwise_layers_follow(rows):
    found = rows(traced("mobilenet", (3, 32, 32)))
    assert found[1] == (
        16,
        ["features.0"],
        ["features.1", "features.3.0", "features.3.1"],
        ["features.3.3"],
        "",
    )
    assert [row[0] for row in found] == [3, 16, 32, 64, 64, 128, 128, 10]


def test_flattened_pictures_repeat_channels(rows):
    assert rows(traced("vgg8", (1, 28, 28)))[-2] == (
        64,
        ["features.20"],
        ["features.21"],
        ["classifier*9"],
        "",
    )


def test_concatenation_shares_an_axis_among_groups(rows):
    found = rows(traced("densenet22", (3, 8, 8)))
    block = "features.denseblock1.denselayer"
    # The transition's norm (60 channels) belongs to four groups.
    shares = [r[0] for r in found if any("transition1.norm" in f for f in r[2])]
    assert shares == [24, 12, 12, 12]
    assert found[3] == (
        12,
        [f"{block}1.conv2"],
        [f"{block}2.norm1+24", f"{block}3.norm1+24", "features.transition1.norm+24"],
        [f"{block}2.conv1+24", f"{block}3.conv1+24", "features.transition1.conv+24"],
        "",
    )


@pytest.mark.parametrize("name", models.NAMES)
def test_every_channel_of_every_axis_is_in_exactly_one_group(name):
    shape = (3, 32, 32)
    model = models.build(name, input_shape=shape, classes=10, **NARROW.get(name, {}))
    network = graph.trace(model, torch.zeros(1, *shape))
    seen: dict[tuple[str, str], list[int]] = {}
    for group in network.groups:
        channels = np.arange(group.size)
        for side in ("producers", "followers", "consumers"):
            for member in getattr(group, side):
                seen.setdefault((member.layer, side), []).extend(member.positions(channels))
    sizes = {}
    for layer, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            sizes[layer, "followers"] = module.num_features
        elif isinstance(module, nn.Conv2d) and module.groups > 1:
            sizes[layer, "followers"] = module.out_channels
        elif isinstance(module, nn.Conv2d | nn.Linear):
            sizes[layer, "producers"], sizes[layer, "consumers"] = module.weight.shape[:2]
    assert {axis: sorted(found) for axis, found in seen.items()} == {
        axis: list(range(size)) for axis, size in sizes.items()
    }


def test_a_sum_over_a_concatenation_splits_the_other_summand(rows):
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 2, 1), nn.Conv2d(1, 3, 1)
            self.c, self.d = nn.Conv2d(1, 5, 1), nn.Conv2d(5, 1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.d(self.c(x) + torch.cat([self.a(x), self.b(x)], dim=1))

    found = rows(graph.trace(Net(), torch.zeros(1, 1, 4, 4)))
    assert (2, ["c", "a"], [], ["d"], "") in found
    assert (3, ["c+2", "b"], [], ["d+2"], "") in found


def test_a_layer_called_twice_is_one_layer():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.again = nn.Conv2d(1, 4, 1), nn.Conv2d(4, 4, 1)
            self.head = nn.Conv2d(4, 2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(torch.relu(self.again(torch.relu(self.again(self.stem(x))))))

    network = graph.trace(Net(), torch.zeros(1, 1, 3, 5))
    # What goes in came out: one group for both sides.
    group = network.group_of("again")
    assert [m.layer for m in group.producers] == ["stem", "again"]
    assert [m.layer for m in group.consumers] == ["again", "head"]
    assert {layer.name: layer.positions for layer in network.layers}["again"] == 2 * 3 * 5


def test_positions_of_members():
    member = Member("linear", offset=6, repeat=3)
    assert member.span(4) == slice(6, 18)
    assert member.positions([1, 3]).tolist() == [9, 10, 11, 15, 16, 17]


def test_group_of_an_unknown_layer_is_refused():
    with pytest.raises(graph.network.InputError, match="layer 'nope': expected a Conv2d or Linear"):
        traced("resnet8", (1, 8, 8), width=2).group_of("nope")
