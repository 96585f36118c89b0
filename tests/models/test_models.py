"""Architectures: pinned sizes and checks."""

import pytest
import torch
from torch import nn

from sparseprune import models
from sparseprune.errors import InputError
from sparseprune.models import vit

# Input shape, classes and trainable parameters of each network at its usual sizes.
PUBLISHED = {
    "resnet8": ((1, 28, 28), 10, 77_754),
    "resnet20": ((3, 32, 32), 10, 272_474),
    "resnet56": ((3, 32, 32), 10, 855_770),
    "resnet110": ((3, 32, 32), 10, 1_730_714),
    "resnet56_bottleneck": ((3, 32, 32), 10, 869_530),
    "resnet110_bottleneck": ((3, 32, 32), 10, 1_704_154),
    "wrn16_8": ((3, 32, 32), 10, 10_961_370),
    "resnet18": ((3, 224, 224), 1000, 11_689_512),
    "resnet50": ((3, 224, 224), 1000, 25_557_032),
    "resnet101": ((3, 224, 224), 1000, 44_549_160),
    "vgg8": ((1, 28, 28), 10, 115_066),
    "vgg16": ((3, 32, 32), 10, 14_728_266),
    "vgg16_bn": ((3, 224, 224), 1000, 138_365_992),
    "mobilenet": ((1, 28, 28), 10, 36_874),
    "mobilenet_v1": ((3, 224, 224), 1000, 4_231_976),
    "mobilenet_v2": ((3, 224, 224), 1000, 3_504_872),
    "deeplabv3_resnet50": ((3, 64, 64), 21, 39_638_869),
    "vit": ((3, 32, 32), 10, 2_693_578),
    "vit_tiny": ((3, 224, 224), 1000, 5_717_416),
    "densenet22": ((3, 32, 32), 10, 71_686),
    "feed_forward": ((1, 1, 768), 768, 4_722_432),
}


@pytest.mark.parametrize(
    ("name", "shape", "classes", "parameters"),
    [(name, *pinned) for name, pinned in PUBLISHED.items()],
    ids=PUBLISHED,
)
def test_parameter_counts_are_those_published(name, shape, classes, parameters):
    with torch.device("meta"):
        model = models.build(name, input_shape=shape, classes=classes)
    assert sum(p.numel() for p in model.parameters()) == parameters
    with torch.no_grad():
        assert model.eval()(torch.zeros(2, *shape, device="meta")).shape[:2] == (2, classes)


def test_every_name_is_built_and_pinned_above():
    assert set(models.NAMES) == set(PUBLISHED)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("resnet20", {"conv1.weight": (16, 3, 3, 3), "layer2.0.downsample.1.running_var": (32,)}),
        ("densenet22", {"features.denseblock1.denselayer1.norm1.weight": (24,)}),
        ("resnet18", {"layer4.0.downsample.0.weight": (512, 256, 1, 1), "bn1.running_mean": (64,)}),
        ("resnet18", {"layer1.1.bn2.num_batches_tracked": (), "fc.weight": (7, 512)}),
        (
            "resnet50",
            {"layer1.0.downsample.0.weight": (256, 64, 1, 1), "conv1.weight": (64, 3, 7, 7)},
        ),
        ("resnet50", {"layer4.2.conv2.weight": (512, 512, 3, 3), "layer4.2.bn3.bias": (2048,)}),
        ("resnet50", {"layer3.5.conv3.weight": (1024, 256, 1, 1), "fc.weight": (7, 2048)}),
        ("resnet101", {"layer3.22.conv1.weight": (256, 1024, 1, 1)}),
        ("vgg16_bn", {"features.41.running_var": (512,), "classifier.0.weight": (4096, 25088)}),
        ("vgg16_bn", {"classifier.3.bias": (4096,), "classifier.6.weight": (7, 4096)}),
        (
            "mobilenet_v2",
            {
                "features.0.0.weight": (32, 3, 3, 3),
                "features.1.conv.0.0.weight": (32, 1, 3, 3),
                "features.1.conv.1.weight": (16, 32, 1, 1),
                "features.2.conv.1.0.weight": (96, 1, 3, 3),
                "features.17.conv.3.running_mean": (320,),
                "features.18.0.weight": (1280, 320, 1, 1),
                "classifier.1.weight": (7, 1280),
            },
        ),
        (
            "deeplabv3_resnet50",
            {
                "backbone.layer4.2.conv2.weight": (512, 512, 3, 3),
                "classifier.0.convs.0.0.weight": (256, 2048, 1, 1),
                "classifier.0.convs.3.0.weight": (256, 2048, 3, 3),
                "classifier.0.convs.4.1.weight": (256, 2048, 1, 1),
                "classifier.0.convs.4.2.bias": (256,),
                "classifier.0.project.0.weight": (256, 1280, 1, 1),
                "classifier.1.weight": (256, 256, 3, 3),
                "classifier.2.running_mean": (256,),
                "classifier.4.weight": (7, 256, 1, 1),
            },
        ),
        ("vgg16", {"features.0.weight": (64, 3, 3, 3), "features.40.weight": (512, 512, 3, 3)}),
    ],
)
def test_keys_are_torchvisions(name, shapes):
    with torch.device("meta"):
        state = models.build(name, input_shape=(3, 32, 32), classes=7).state_dict()
    assert {key: tuple(state[key].shape) for key in shapes} == shapes


@pytest.mark.parametrize(
    ("name", "tensors"),
    [
        ("resnet18", 122),
        ("resnet50", 320),
        ("resnet101", 626),
        ("vgg16_bn", 97),
        ("mobilenet_v2", 314),
    ],
)
def test_the_state_has_as_many_tensors_as_torchvisions(name, tensors):
    with torch.device("meta"):
        state = models.build(name, input_shape=(3, 224, 224), classes=1000).state_dict()
    assert len(state) == tensors


def test_a_bottleneck_halves_its_map_in_the_middle():
    with torch.device("meta"):
        model = models.build("resnet50", input_shape=(3, 64, 64), classes=2, width=4)
    for stage in ("layer2", "layer3", "layer4"):
        block = model.get_submodule(f"{stage}.0")
        strides = [block.get_submodule(name).stride for name in ("conv1", "conv2", "conv3")]
        assert strides == [(1, 1), (2, 2), (1, 1)]


def test_the_studys_bottleneck_networks_have_its_number_of_prunable_layers():
    for name, number in (("resnet56_bottleneck", 86), ("resnet110_bottleneck", 167)):
        with torch.device("meta"):
            model = models.build(name, input_shape=(3, 32, 32), classes=10)
        assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in model.modules()) == number


def test_deeplab_with_its_auxiliary_head_is_torchvisions():
    with torch.device("meta"):
        model = models.build(
            "deeplabv3_resnet50", input_shape=(3, 48, 64), classes=21, aux=True
        ).eval()
        answers = model(torch.zeros(1, 3, 48, 64))
    assert sum(p.numel() for p in model.parameters()) == 42_004_074
    state = model.state_dict()
    assert state["aux_classifier.0.weight"].shape == (256, 1024, 3, 3)
    assert state["aux_classifier.4.weight"].shape == (21, 256, 1, 1)
    assert {key: tuple(value.shape) for key, value in answers.items()} == {
        "out": (1, 21, 48, 64),
        "aux": (1, 21, 48, 64),
    }


def test_deeplabs_backbone_keeps_an_eighth_of_the_picture_by_dilation():
    with torch.device("meta"):
        model = models.build("deeplabv3_resnet50", input_shape=(3, 64, 64), classes=2, width=4)
        assert model.backbone.stages(torch.zeros(1, 3, 64, 64), 1, 4).shape == (1, 128, 8, 8)
    spread = [
        (block.conv2.dilation[0], block.conv2.stride[0])
        for stage in (model.backbone.layer3, model.backbone.layer4)
        for block in stage
    ]
    assert spread == [(1, 1), *[(2, 1)] * 5, (2, 1), (4, 1), (4, 1)]


def test_attention_is_a_softmax_of_products_of_each_head():
    torch.manual_seed(0)
    layer, x = vit.Attention(6, heads=2).double(), torch.randn(1, 4, 6, dtype=torch.float64)
    q, k, v = (x @ layer.qkv.weight.T + layer.qkv.bias)[0].split(6, 1)
    heads = []
    for part in (slice(0, 3), slice(3, 6)):
        scores = torch.exp(q[:, part] @ k[:, part].T / 3**0.5)
        heads.append(scores / scores.sum(1, keepdim=True) @ v[:, part])
    expected = torch.cat(heads, 1) @ layer.proj.weight.T + layer.proj.bias
    torch.testing.assert_close(layer(x)[0], expected)


def test_a_feed_forward_network_is_two_products():
    torch.manual_seed(0)
    model = models.build("feed_forward", input_shape=(1, 1, 6), classes=4, hidden=5)
    x = torch.randn(3, 6)
    (w1, b1), (w2, b2) = ((layer.weight, layer.bias) for layer in (model.fc1, model.fc2))
    expected = (x @ w1.T + b1).clamp(min=0) @ w2.T + b2
    torch.testing.assert_close(model(x), expected)
    assert torch.equal(model(x.reshape(3, 1, 1, 6)), model(x))


def test_the_callers_seed_decides_the_weights():
    def weights() -> torch.Tensor:
        torch.manual_seed(3)
        return models.build("vgg8", input_shape=(1, 8, 8), classes=2, width=2).state_dict()[
            "features.0.weight"
        ]

    assert torch.equal(weights(), weights())


def test_width_scales_every_layer():
    model = models.build("mobilenet", input_shape=(3, 32, 32), classes=5, width=8)
    assert model.get_submodule("features.0").out_channels == 8
    assert model.get_submodule("classifier").in_features == 64


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("resnet9", {}, "unknown model 'resnet9'; known models: resnet8, resnet20"),
        ("vgg8", {"depth": 3}, "model 'vgg8' has no option 'depth'; known: width"),
        ("vgg8", {"width": 0}, "option 'width': expected a whole number from 1 to 65536, got 0"),
        ("vit", {"patch": 5}, "sides are multiples of patch 5, got 28x28"),
        ("vit", {"heads": 5}, "a width that 5 heads can share, got 192"),
        ("vgg16_bn", {}, "at least 32x32 for 5 poolings, got 28x28"),
        ("deeplabv3_resnet50", {"aux": 1}, "option 'aux': expected true or false, got 1"),
        ("vgg8", {"width": 1.5}, "option 'width': expected a whole number .* got 1.5"),
        ("vgg8", {"classes": -1}, "model 'vgg8': classes: expected a whole number .* got -1"),
        ("vgg8", {"input_shape": (28, 28)}, r"expected input_shape \(channels, height, width\)"),
        ("vgg8", {"input_shape": (1, 28, True)}, "input_shape: expected a whole number .* True"),
        ("vgg8", {"input_shape": (1, 7, 28)}, "at least 8x8 for 3 poolings, got 7x28"),
        ("densenet22", {"input_shape": (1, 3, 3)}, "at least 4x4 for 2 poolings, got 3x3"),
    ],
)
def test_impossible_requests_are_refused(name, arguments, message):
    with pytest.raises(InputError, match=message):
        models.build(name, **{"input_shape": (1, 28, 28), "classes": 10, **arguments})
