import pytest
import torch

from sparseprune.prune import Counts, count, counts, ratio, ratios
from sparseprune.prune.accounting import masked


def test_counts_of_a_network_by_hand(residual):
    model = residual(width=4)
    found = counts(model, residual.inputs)
    convs = [2 * 4 * 9, 4 * 8 * 9, 8 * 4]
    norms_and_biases = 2 * (4 + 8 + 4) + 8 + 3
    assert found.weights == sum(convs) + 4 * 3
    assert found.params == found.weights + norms_and_biases
    assert found.params == sum(p.numel() for p in model.parameters())
    assert found.channels == 4 + 8 + 4
    assert found.flops == 36 * sum(convs) + 4 * 3


def test_only_non_zeros_count(residual):
    model = residual(width=4)
    dense = counts(model, residual.inputs)
    with torch.no_grad():
        model.conv1.weight[2] = 0
        model.head.weight[0, 0] = 0
        model.norm1.bias[0] = 0
    left = counts(model, residual.inputs)
    assert dense.weights - left.weights == 36 + 1
    assert dense.params - left.params == 36 + 2
    assert dense.channels - left.channels == 1
    assert dense.flops - left.flops == 36 * 36 + 1


def test_buffers_do_not_count(residual):
    model = residual()
    before = counts(model, residual.inputs)
    model.stem_norm.running_mean.zero_()
    assert counts(model, residual.inputs) == before


def test_layer_called_twice_works_twice(residual, filled):
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(2, 2, 1, bias=False)

        def forward(self, x):
            return self.conv(self.conv(x)).mean((2, 3))

    assert counts(filled(Twice(), 0), residual.inputs).flops == 2 * 36 * 4


def test_ratios():
    dense, left = Counts(200, 100, 10, 4000), Counts(50, 10, 5, 3000)
    assert ratio(left, dense, "weights") == pytest.approx(0.9)
    expected = {"params": 0.75, "weights": 0.9, "channels": 0.5, "flops": 0.25}
    assert ratios(left, dense) == pytest.approx(expected)


def test_network_without_prunable_layers_has_ratio_zero():
    assert ratio(Counts(3, 0, 0, 0), Counts(3, 0, 0, 0), "weights") == 0.0


def test_masked_leaves_what_it_was_given(residual):
    model = residual()
    parameters = dict(model.named_parameters())
    kept = torch.zeros_like(model.stem.weight, dtype=torch.bool)
    left = count(masked(parameters, {"stem.weight": kept}), residual.trace(model))
    assert left.weights == counts(model, residual.inputs).weights - kept.numel()
    assert bool((model.stem.weight != 0).all())
