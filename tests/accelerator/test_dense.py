"""Calls of libraries, on a CPU that plays cuSPARSELt."""

import pytest
import torch
import torch.nn.functional as F

from sparseprune.accelerator.dense import Dense, LibraryFused, SemiStructured
from sparseprune.accelerator.layer import Layer


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return Layer("fc", torch.randn(32, 16).t(), torch.randn(16), activation="relu")


@pytest.fixture
def cusparselt(monkeypatch):
    def compress(weight):
        assert weight.is_contiguous()
        return weight

    def multiply(weight, x, bias, transpose_result):
        assert transpose_result
        assert x.shape[1] >= 8
        assert x.shape[1] % 8 == 0
        return F.linear(x.t(), weight, bias)

    monkeypatch.setattr(torch, "_cslt_compress", compress)
    monkeypatch.setattr(torch, "_cslt_sparse_mm", multiply)


@pytest.mark.parametrize("shape", [(0, 32), (1, 32), (2, 5, 32), (3, 0, 32), (8, 32)])
@pytest.mark.parametrize("kind", [LibraryFused, SemiStructured])
def test_any_number_of_tokens(layer, cusparselt, kind, shape):
    x = torch.randn(shape)
    expected = Dense(layer)(x)
    found = kind(layer)(x)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-5)
