import importlib

import pytest
import torch

from sparseprune.kernels.grouped_weight import pack

pytest.importorskip("triton")
kernel = importlib.import_module("sparseprune.kernels.grouped_linear")

X = torch.ones(3, 32)
PACKED = pack(torch.ones(16, 32), rows=16)


@pytest.mark.parametrize("x", [torch.ones(3, 31), torch.tensor(1.0)], ids=["inputs", "scalar"])
def test_shape_of_x(x):
    with pytest.raises(ValueError, match=r"expected x of shape \[\.\.\., 32\] .* got \("):
        kernel.grouped_linear(x, PACKED)


def test_devices_agree():
    with pytest.raises(ValueError, match=r"expected weight to be .* on meta like x, got .* on cpu"):
        kernel.grouped_linear(X.to("meta"), PACKED)


@pytest.mark.parametrize("wanting", ["x", "bias"])
def test_gradients(linear, device, wanting):
    x = torch.ones(3, 32, device=device, requires_grad=wanting == "x")
    bias = torch.ones(16, device=device, requires_grad=wanting == "bias")
    with pytest.raises(RuntimeError, match=r"no backward; call it under torch.inference_mode\(\)"):
        linear(x, PACKED.to(device), bias)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (torch.empty(3, 15), r"expected out to be torch.float32 \(3, 16\) on .* \(3, 15\)"),
        (torch.empty(3, 16).half(), r"expected out to be torch.float32 .* got torch.float16"),
        (torch.empty(16, 3).T, r"expected out to have contiguous rows .* got strides \(1, 3\)"),
        (torch.empty(3, 32)[:, ::2], r"contiguous rows .* got strides \(32, 2\); write into"),
    ],
    ids=["shape", "type", "columns", "gaps"],
)
def test_out(linear, device, out, message):
    with pytest.raises(ValueError, match=message):
        linear(X.to(device), PACKED.to(device), out=out.to(device))


def test_out_whose_rows_are_not_at_equal_distances(linear, device):
    out = torch.empty(3, 2, 16, device=device).transpose(0, 1)
    with pytest.raises(ValueError, match=r"at equal distances, got strides \(16, 32, 1\)"):
        linear(torch.ones(2, 3, 32, device=device), PACKED.to(device), out=out)
