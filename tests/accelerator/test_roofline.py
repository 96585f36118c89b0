import pytest
import torch

from sparseprune.accelerator.layer import Layer
from sparseprune.accelerator.roofline import Ceilings, bound

CEILINGS = Ceilings(operations=1e12, bytes=1e9, launch=1e-6)


def test_a_layer_of_much_work_is_bound_by_it():
    weight = torch.ones(64, 64, 3, 3)
    weight[:, :48] = 0
    layer = Layer("conv", weight, None, padding=(1, 1))
    found = bound(layer, torch.ones(2, 64, 10, 10), CEILINGS._replace(bytes=1e12))
    work = 2 * 200 * 64 * 576 / 1e12
    assert found.by == "compute"
    assert found.dense == pytest.approx(work + 1e-6)
    assert found.sparse == pytest.approx(work / 4 + 1e-6)
    assert found.gain == pytest.approx((work + 1e-6) / (work / 4 + 1e-6))


def test_few_tokens_wait_for_memory():
    weight = torch.ones(128, 256)
    weight[:, ::2] = 0
    layer = Layer("fc", weight, None, residual=True)
    found = bound(layer, torch.ones(1, 256), CEILINGS)
    assert found.by == "memory"
    assert found.dense == pytest.approx(4 * (256 + 2 * 128 + 128 * 256) / 1e9 + 1e-6)
    assert found.sparse == pytest.approx(4 * (256 + 2 * 128 + 128 * 128) / 1e9 + 1e-6)


def test_small_layers_wait_for_the_launch():
    assert bound(Layer("fc", torch.ones(2, 2), None), torch.ones(1, 2), CEILINGS).by == "launch"


def test_sizes_follow_stride_and_dilation():
    layer = Layer(
        "conv", torch.ones(8, 4, 3, 2), None, stride=(2, 3), padding=(1, 2), dilation=(2, 1)
    )
    x = torch.ones(3, 4, 11, 13)
    assert layer.positions(x) == layer.exact(x, None)[:, 0].numel()
