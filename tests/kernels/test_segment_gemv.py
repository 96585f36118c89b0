import functools
import importlib

import pytest
import torch

from sparseprune.kernels.segment_weight import pack_segments

pytest.importorskip("triton")
kernel = importlib.import_module("sparseprune.kernels.segment_gemv")
ACTIVATIONS = importlib.import_module("sparseprune.kernels.epilogue").ACTIVATIONS

DTYPES = (torch.float32, torch.float16, torch.bfloat16)


@pytest.fixture(scope="module")
def gemv(call):
    return functools.partial(call, kernel.segment_gemv)


def pruned(n, k, segment, count, dtype):
    """A random weight with ``count`` kept of each segment, the largest."""
    weight = torch.randn(n, k)
    for start in range(0, k, segment):
        part = weight[:, start : start + segment]
        least = max(0, part.shape[1] - count)
        part.scatter_(1, part.abs().argsort(1)[:, :least], 0)
    return weight.to(dtype)


def assert_correct(
    gemv, device, x, packed, bias=None, residual=None, activation="identity", **options
):
    exact = kernel.reference(x.double(), packed, bias, residual, activation=activation)
    given = [None if t is None else t.to(device) for t in (bias, residual)]
    y = gemv(x.to(device), packed.to(device), *given, activation=activation, **options).cpu()
    assert (y.dtype, y.shape) == (x.dtype, exact.shape)
    magnitude = x.double().abs() @ packed.to_dense().double().abs().T
    for tensor in (bias, residual):
        magnitude = magnitude if tensor is None else magnitude + tensor.double().abs()
    limit = 1.2 * (x.shape[-1] + 3) * 2.0**-23 * magnitude + 1e-6
    # The interpreter cuts bfloat16 off instead of rounding it.
    stored = torch.finfo(x.dtype).eps / (1 if x.dtype == torch.bfloat16 else 2)
    within = (y.double() - exact).abs() <= limit + stored * (exact.abs() + limit) + 2.0**-25
    assert within.all(), f"{int((~within).sum())} of {y.numel()} outside the bound"
    return y


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("tokens", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "sizes", [(40, 300, 256, 64), (17, 100, 32, 5), (1, 7, 4, 2), (16, 130, 64, 16)], ids=str
)
def test_every_shape(gemv, device, sizes, tokens, dtype):
    torch.manual_seed(0)
    n, k, segment, count = sizes
    packed = pack_segments(pruned(n, k, segment, count, dtype), segment=segment, count=count)
    x, bias, residual = torch.randn(tokens, k), torch.randn(n), torch.randn(tokens, n)
    x, bias, residual = (tensor.to(dtype) for tensor in (x, bias, residual))
    assert_correct(gemv, device, x, packed, bias, residual, "silu")


@pytest.mark.parametrize("splits", [2, 5])
@pytest.mark.parametrize("tokens", [1, 4])
def test_splits(gemv, device, tokens, splits):
    """Also where some have nothing to do."""
    torch.manual_seed(0)
    packed = pack_segments(pruned(20, 9000, 64, 16, torch.float16), segment=64, count=16)
    x, bias = torch.randn(tokens, 9000).half(), torch.randn(20).half()
    assert_correct(gemv, device, x, packed, bias, activation="relu", splits=splits)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(gemv, device, activation):
    torch.manual_seed(0)
    packed = pack_segments(pruned(20, 64, 16, 4, torch.float32), segment=16)
    assert_correct(gemv, device, torch.randn(64), packed, torch.randn(20), None, activation)


def test_a_nan_reaches_the_rows_that_read_it_and_no_other(gemv, device):
    weight = torch.zeros(3, 32)
    weight[0, [1, 20]] = 1
    weight[1, [3, 21]] = 1
    weight[2, [2, 17]] = 1
    x = torch.ones(1, 32)
    x[0, [0, 3]] = torch.nan
    packed = pack_segments(weight, segment=16, count=3)
    y = gemv(x.to(device), packed.to(device)).cpu()
    assert y.isnan().tolist() == [[False, True, False]]


@pytest.mark.parametrize("splits", [1, 2])
def test_what_lies_behind_the_tensors_is_not_read(gemv, device, splits):
    """Places beyond the last segment, and rows beyond the last."""
    torch.manual_seed(0)
    memory = torch.full((4, 70), torch.nan)
    packed = pack_segments(pruned(5, 67, 8, 3, torch.float32), segment=8, count=3)
    x = memory[1, :67]
    x.copy_(torch.randn(67))
    assert_correct(gemv, device, x, packed, splits=splits)


def test_more_tokens_are_refused():
    packed = pack_segments(torch.ones(16, 16))
    with pytest.raises(ValueError, match="expected 1 to 4 tokens, got 6; use grouped_linear"):
        kernel.segment_gemv(torch.ones(2, 3, 16), packed)
    with pytest.raises(ValueError, match=r"expected x of shape \[..., 16\] .* got \(15,\)"):
        kernel.segment_gemv(torch.ones(15), packed)


def test_rows_are_shared_where_programs_are_few():
    packed = pack_segments(torch.ones(64, 16384).half())
    x, y = torch.ones(1, 16384).half(), torch.ones(1, 64).half()
    launches = kernel.plan(x, packed, None, None, "relu", y)
    assert [launch.grid for launch in launches] == [(64, 4), (1, 1)]  # 4096 inputs a part
    many = pack_segments(torch.ones(4224, 256).half())
    (launch,) = kernel.plan(x[:, :256], many, None, None, "relu", x.new_empty(1, 4224))
    assert launch.grid == (264, 1)


def test_a_row_of_many_steps(gemv, device):
    """The last step has fewer inputs, and weights beyond the last segment read none of them."""
    torch.manual_seed(0)
    weight = torch.randn(33, 9000) * (torch.rand(33, 9000) < 0.1)
    packed = pack_segments(weight, weight != 0, segment=64, count=int(64 * 0.5))
    for tokens in (1, 3):
        x = torch.randn(tokens, 9000)
        assert_correct(gemv, device, x, packed)


def test_a_token_is_read_where_it_lies():
    """A copy would be a launch more, beside a kernel of a few microseconds."""
    packed = pack_segments(torch.ones(16, 64), segment=64)
    x, y = torch.randn(3, 64), torch.empty(1, 16)
    (launch,) = kernel.plan(x[1:2], packed, None, None, "identity", y)
    assert launch.arguments["x_ptr"].data_ptr() == x[1:2].data_ptr()
    assert launch.arguments["x_ptr"].shape == (1, 64)
