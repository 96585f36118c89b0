"""The study's networks: what is prunable (1.3, 3.4), and how many pictures are looked at (2.3)."""

import pytest
import torch

from sparseprune import models, prune
from sparseprune.graph import trace
from sparseprune.prune.observe import set_size

torch.set_num_threads(1)

# Size of the sensitivity set (2.3); prunable layers, where the study gives them (3.4).
NETWORKS = {
    "resnet20": (183, None),
    "vgg16": (188, None),
    "densenet22": (188, None),
    "wrn16_8": (195, None),
    "resnet56_bottleneck": (194, 86),
    "resnet110_bottleneck": (196, 167),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_and_sensitivity_sets_are_the_studys(name):
    model = models.build(name, input_shape=(3, 32, 32), classes=10)
    graph = trace(model, torch.zeros(1, 3, 32, 32))
    # First convolution, shortcuts and classifier among them.
    kinds = (torch.nn.Conv2d, torch.nn.Linear)
    every = {part for part, module in model.named_modules() if isinstance(module, kinds)}
    assert {layer.name for layer in graph.layers} == every
    size, layers = NETWORKS[name]
    assert layers in (None, len(every))
    # A tenth of CIFAR-10's training pictures is held out.
    assert set_size(graph, held_out=5000) == size


def test_never_more_than_half_of_what_is_held_out_is_looked_at():
    model = models.build("resnet8", input_shape=(3, 32, 32), classes=10)
    assert prune.sensitivity_size(model, torch.zeros(1, 3, 32, 32), held_out=100) == 50
