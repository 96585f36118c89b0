"""Networks with realistic statistics and whole channels masked away."""

import copy
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from sparseprune import graph, models
from sparseprune.formats import mask

SHAPES = {"vgg16": (3, 32, 32), "vgg16_bn": (1, 32, 32), "resnet20": (3, 32, 32)}
# Large families at sizes at which a test takes a second; depth and wiring are the same. The bound
# grows with the width: the full ResNet-50's is 8 % of its logits.
NARROW = {
    "resnet56": {"width": 8},
    "resnet18": {"width": 8},
    "resnet50": {"width": 4},
    "mobilenet_v1": {"width": 8},
    "mobilenet_v2": {"width": 8},
    "wrn16_8": {"width": 16},
    "vgg16_bn": {"width": 4},
    "feed_forward": {"hidden": 64},
}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Tiny networks: more threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def network() -> Callable[..., tuple[nn.Module, torch.Tensor]]:
    """A network of a family and some pictures; BatchNorm has moved away from its start."""

    def build(name: str, seed: int = 0, **options: int) -> tuple[nn.Module, torch.Tensor]:
        torch.manual_seed(seed)
        shape = SHAPES.get(name, (1, 16, 16))
        options = {**NARROW.get(name, {}), **options}
        model = models.build(name, input_shape=shape, classes=10, **options)
        settle(model)
        return model.eval(), torch.randn(4, *shape)

    return build


@pytest.fixture(scope="session")
def settled() -> Callable[[nn.Module], nn.Module]:
    return settle


def settle(model: nn.Module) -> nn.Module:
    """Statistics and scales as after training, none of them 0 or 1."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    return model


@pytest.fixture(scope="session")
def channel_masks() -> Callable[..., mask.Masks]:
    """Masks that remove whole channels at random, in coupled groups or in each layer alone."""

    def build(
        model: nn.Module,
        inputs: torch.Tensor,
        ratio: float,
        *,
        seed: int = 0,
        independent: bool = False,
    ) -> mask.Masks:
        generator = torch.Generator().manual_seed(seed)
        parameters = dict(model.named_parameters())
        masks: mask.Masks = {}
        for group in graph.trace(model, inputs).groups:
            dead = torch.rand(group.size, generator=generator) < ratio
            for member in (*group.producers, *group.followers) if group.prunable else ():
                if independent:
                    dead = torch.rand(group.size, generator=generator) < ratio
                positions = member.positions(dead.nonzero().ravel().numpy())
                for key in (f"{member.layer}.weight", f"{member.layer}.bias"):
                    if key in parameters:
                        whole = torch.ones(parameters[key].shape, dtype=torch.bool)
                        masks.setdefault(key, whole)[positions] = False
        return masks

    return build


@pytest.fixture(scope="session")
def masked() -> Callable[[nn.Module, mask.Masks], nn.Module]:
    """A masked copy of a network: its twin."""

    def build(model: nn.Module, masks: mask.Masks) -> nn.Module:
        twin = copy.deepcopy(model)
        mask.apply(twin, masks)
        return twin

    return build
