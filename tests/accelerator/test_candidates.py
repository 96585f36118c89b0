import sys

import pytest
import torch

from sparseprune.accelerator.candidates import candidates
from sparseprune.accelerator.layer import Layer


def blocks(n, k, rows, width):
    """Weights of which each other block is zero, as on a chess board."""
    torch.manual_seed(0)
    down, across = torch.arange(n) // rows, torch.arange(k) // width
    return torch.randn(n, k) * ((down[:, None] + across) % 2 == 0)


def names(layer, x, **options):
    found, refused = candidates(layer, x, tf32=False, **options)
    return [candidate.name for candidate in found], refused


@pytest.mark.parametrize("missing", [True, False])
def test_without_triton_torch_is_left(monkeypatch, missing):
    if missing:
        monkeypatch.setitem(sys.modules, "triton", None)
        for name in [n for n in sys.modules if n.startswith("sparseprune.kernels.")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.delitem(sys.modules, "sparseprune.accelerator.packed", raising=False)
        accelerator = sys.modules["sparseprune.accelerator"]
        monkeypatch.delattr(accelerator, "packed", raising=False)
    else:
        pytest.importorskip("triton")
    layer = Layer("fc", blocks(64, 64, 16, 16), torch.ones(64), activation="relu")
    found, refused = names(layer, torch.randn(9, 64))
    assert found[0] == "cublas fused"
    assert (len(found) == 1) == missing
    assert ("pip install 'sparseprune[gpu]'" in refused.get("sparse", "")) == missing


class TestWithTriton:
    @pytest.fixture(autouse=True)
    def _triton(self):
        pytest.importorskip("triton")

    def test_blocks_are_tried_as_they_are(self):
        layer = Layer("fc", blocks(128, 128, 64, 32), None)
        found, refused = names(layer, torch.randn(64, 128))
        assert found[:2] == ["fused dense", "sparse 64x32"]
        assert "sparse" not in refused

    def test_single_columns_are_tried_on_many_tokens(self):
        layer = Layer("fc", blocks(128, 64, 64, 1), None)
        found, refused = names(layer, torch.randn(64, 64))
        assert found == ["fused dense", "feature-major 64x1", "feature-major 32x1"]
        assert "prune blocks of 64 outputs x 8 inputs" in refused["sparse"]

    def test_segments_are_tried_on_few_tokens(self):
        torch.manual_seed(0)
        order = torch.rand(16, 8, 32).argsort(2)
        layer = Layer("fc", torch.randn(16, 256) * (order < 8).view(16, 256), None)
        assert names(layer, torch.randn(1, 4, 256))[0] == ["fused dense", "segments 64:256"]
        assert names(layer, torch.randn(5, 256))[0] == ["fused dense"]

    def test_two_of_four_need_sixteen_bits(self):
        weight = torch.ones(16, 32)
        weight[:, ::2] = 0
        x = torch.randn(64, 32)
        assert "2:4" in names(Layer("fc", weight, None), x)[1]
        found, refused = names(Layer("fc", weight.half(), None), x.half())
        assert "2:4" in found
        assert "2:4" not in refused

    def test_convolutions_with_groups_are_torch_s(self):
        layer = Layer("dw", torch.ones(8, 1, 3, 3), None, groups=8, activation="relu")
        found, refused = names(layer, torch.randn(1, 8, 5, 5))
        assert found == ["cudnn fused"]
        assert refused == {"sparse": "the convolution has 8 groups"}

    def test_rows_that_lie_apart_are_put_together(self):
        weight = blocks(64, 64, 1, 32)
        found, _ = names(Layer("fc", weight, None), torch.randn(64, 64))
        assert found[1] == "sparse 32x32 perm"
