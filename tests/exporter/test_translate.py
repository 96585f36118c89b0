from collections import OrderedDict

import pytest
import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.exporter.translate import translate

EXAMPLE = torch.zeros(2, 2, 6, 6)


class Decides(nn.Module):
    def forward(self, x):
        return x * 2 if x.sum() > 0 else x


class Mixes(nn.Module):
    def forward(self, x):
        return x.reshape(2, -1)


class Bessel(nn.Module):
    def forward(self, x):
        return torch.special.bessel_j0(x)


class Answer(OrderedDict):
    """As the networks of transformers answer."""


class Named(nn.Sequential):
    def forward(self, *pictures, **options):
        return Answer(loss=None, logits=super().forward(*pictures))


def around(head):
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.Sequential(nn.ReLU(), head), nn.Flatten())


def test_a_model_that_does_not_take_the_example_is_named_with_the_layer():
    with pytest.raises(
        InputError,
        match=r"does not accept example_inputs of shape \[2, 3, 6, 6\]: layer '0' said 'Given",
    ):
        translate(around(nn.ReLU()), torch.zeros(2, 3, 6, 6))


def test_a_decision_on_values_is_named_with_the_layer():
    with pytest.raises(InputError, match=r"layer '1\.1' cannot be exported: Could not guard"):
        translate(around(Decides()), EXAMPLE)


def test_an_operator_without_counterpart_is_named_with_the_layer():
    with pytest.raises(
        InputError, match=r"layer '1\.1': operator .*bessel_j0.* no ONNX counterpart"
    ):
        translate(around(Bessel()), EXAMPLE)


@pytest.mark.parametrize("model", [around(Mixes()), nn.Sequential(nn.ReLU(), Mixes())])
def test_a_batch_size_written_into_the_model_is_refused(model):
    with pytest.raises(InputError, match=r"logits of shape \[batch, classes\] for any batch, got"):
        translate(model, EXAMPLE)


def test_what_neither_classifies_nor_segments_is_refused():
    with pytest.raises(InputError, match=r"or \[N, classes, H, W\]\), got \[2, 4, 16\]"):
        translate(nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten(2)), EXAMPLE)


def test_logits_of_a_mapping_are_the_output():
    proto = translate(Named(*around(nn.ReLU())), EXAMPLE)
    assert [output.name for output in proto.graph.output] == ["logits"]
