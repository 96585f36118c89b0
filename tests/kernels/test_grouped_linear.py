import importlib

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from sparseprune.kernels.grouped_weight import GroupedWeight, cover, pack, row_order

pytest.importorskip("triton")
kernel = importlib.import_module("sparseprune.kernels.grouped_linear")
tilings = importlib.import_module("sparseprune.kernels.tiling")
ACTIVATIONS = importlib.import_module("sparseprune.kernels.epilogue").ACTIVATIONS

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
# M, N, K, rows, width: tiles exactly filled, one more, one less, single rows, columns and groups.
SHAPES = [
    (16, 64, 64, 64, 16),
    (1, 1, 1, 16, 16),
    (1, 17, 9, 16, 8),
    (5, 70, 100, 16, 16),
    (15, 16, 32, 16, 8),
    (17, 65, 33, 64, 32),
    (64, 128, 96, 128, 32),
    (65, 127, 130, 128, 16),
    (129, 130, 48, 64, 8),
    (200, 33, 257, 32, 16),
]


def pruned(n, k, rows, width, dtype, density=0.4) -> tuple[Tensor, GroupedWeight]:
    """A random weight in whole blocks, and the same packed."""
    groups, pieces = -(-n // rows), -(-k // width)
    blocks = torch.rand(groups, pieces) < density
    mask = blocks.repeat_interleave(rows, 0).repeat_interleave(width, 1)[:n, :k]
    weight = torch.randn(n, k).to(dtype) * mask
    return weight, pack(weight, cover(weight != 0, rows, width), rows=rows, width=width)


def gamma(k, unit):
    """Rounding error of k operations, relative to the sum of magnitudes (Higham 2002, 3.1)."""
    return k * unit / (1 - k * unit)


def bound(exact, x, weight, bias, device, tf32=False) -> Tensor:
    """Largest |y - exact| [M, N] of float32 sums over the kept inputs, stored in x's type.

    On a GPU sums may be cut off instead of rounded (Fasi et al. 2021), which doubles the unit.
    ``exact`` is itself a float64 sum. A ReLU never takes two numbers further apart.
    """
    magnitude = x.double().abs() @ weight.double().abs().T
    if bias is not None:
        magnitude += bias.double().abs()
    steps = (weight != 0).sum(1).double() + 1
    unit = 2.0**-23 if device == "cuda" else 2.0**-24
    limit = (gamma(steps, unit) + gamma(steps, 2.0**-53)) * magnitude
    if tf32:
        limit += ((1 + 2.0**-11) ** 2 - 1) * (1 + gamma(steps, unit)) * magnitude
    if x.dtype != torch.float32:
        stored = torch.finfo(x.dtype).eps / 2
        if x.dtype == torch.bfloat16 and device == "cpu":
            stored *= 2  # the interpreter cuts off what it should round
        limit += stored * (exact.abs() + limit) + 2.0**-25
    return limit


def assert_correct(
    linear, device, x, weight, packed, bias=None, activation="identity", *, tf32=False, **options
):
    exact = kernel.reference(x.double(), packed, bias, activation=activation)
    on_device = None if bias is None else bias.to(device)
    y = linear(
        x.to(device), packed.to(device), on_device, activation=activation, tf32=tf32, **options
    ).cpu()
    assert y.dtype == x.dtype
    assert y.shape == (*x.shape[:-1], weight.shape[0])
    # Written so that NaN fails.
    within = (y.double() - exact).abs() <= bound(exact, x, weight, bias, device, tf32)
    assert within.all(), f"{int((~within).sum())} of {y.numel()} outside the bound"
    return y


def test_reference_is_the_dense_layer():
    torch.manual_seed(0)
    weight, packed = pruned(40, 50, 16, 8, torch.float32)
    x, bias = torch.randn(3, 50).double(), torch.randn(40)
    plain = x @ weight.double().T + bias
    assert torch.allclose(kernel.reference(x, packed, bias), plain, rtol=1e-14, atol=1e-14)
    assert torch.equal(
        kernel.reference(x, packed, bias, activation="relu"),
        kernel.reference(x, packed, bias).clamp(min=0),
    )


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape_is_within_the_bound(linear, device, shape, dtype):
    torch.manual_seed(0)
    m, n, k, rows, width = shape
    if dtype == torch.float32:
        width = min(width, 32)
    weight, packed = pruned(n, k, rows, width, dtype)
    x, bias = torch.randn(m, k).to(dtype), torch.randn(n).to(dtype)
    assert_correct(linear, device, x, weight, packed, bias, activation="relu")
    assert_correct(linear, device, x, weight, packed)


@pytest.mark.parametrize("width", [4, 32])
@pytest.mark.parametrize("rows", [16, 32, 64, 128])
def test_every_float32_pattern(linear, device, rows, width):
    check_pattern(linear, device, rows, width, torch.float32)


@pytest.mark.parametrize("width", [8, 64])
@pytest.mark.parametrize("rows", [16, 32, 64, 128])
def test_every_float16_pattern(linear, device, rows, width):
    check_pattern(linear, device, rows, width, torch.float16)


def check_pattern(linear, device, rows, width, dtype):
    torch.manual_seed(rows + width)
    weight, packed = pruned(rows + 1, 150, rows, width, dtype)
    x, bias = torch.randn(3, 150).to(dtype), torch.randn(rows + 1).to(dtype)
    assert_correct(linear, device, x, weight, packed, bias)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_small_integers_are_exact(linear, device, dtype):
    """A lost or doubled product cannot hide in a bound: sums below 256 are exact in bfloat16."""
    torch.manual_seed(0)
    weight, packed = pruned(100, 200, 32, 16, dtype)
    weight = weight.sign()
    packed = pack(weight, cover(weight != 0, 32, 16), rows=32, width=16)
    x = torch.randint(-1, 2, (20, 200)).to(dtype)
    y = linear(x.to(device), packed.to(device)).cpu()
    assert torch.equal(y.double(), x.double() @ weight.double().T)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_empty_groups_give_the_bias(linear, device, dtype):
    torch.manual_seed(0)
    weight, _ = pruned(64, 64, 16, 16, dtype, density=1)
    weight[:16] = 0
    weight[32:48] = 0
    packed = pack(weight, rows=16)
    x, bias = torch.randn(7, 64).to(dtype), torch.randn(64).to(dtype)
    y = assert_correct(linear, device, x, weight, packed, bias)
    assert torch.equal(y[:, :16], bias[:16].expand(7, 16))


def test_all_zero_weight(linear, device):
    packed = pack(torch.zeros(70, 40), rows=64)
    x, bias = torch.randn(3, 40), torch.randn(70)
    args = x.to(device), packed.to(device)
    assert torch.equal(linear(*args).cpu(), torch.zeros(3, 70))
    assert torch.equal(linear(*args, bias.to(device)).cpu(), bias.expand(3, 70))


def test_no_rows(linear, device):
    packed = pack(torch.ones(16, 16), rows=16).to(device)
    assert linear(torch.ones(0, 16, device=device), packed).shape == (0, 16)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_output_is_written_and_nothing_beside(linear, device, dtype):
    torch.manual_seed(0)
    weight, packed = pruned(70, 48, 32, 16, dtype)
    x = torch.randn(19, 48).to(dtype)
    memory = torch.full((21, 80), torch.nan, dtype=dtype, device=device)
    linear(x.to(device), packed.to(device), out=memory[1:20, 5:75])
    y = memory.cpu()
    exact = kernel.reference(x.double(), packed)
    assert ((y[1:20, 5:75] - exact).abs() <= bound(exact, x, weight, None, device)).all()
    y[1:20, 5:75] = torch.nan
    assert y.isnan().all()


@pytest.mark.parametrize(
    "lay_out",
    [
        lambda x: x.T.contiguous().T,
        lambda x: torch.nn.functional.pad(x, (3, 2))[:, 3:-2],
        lambda x: torch.nn.functional.pad(x, (16, 16))[:, 16:-16],
        lambda x: x.view(2, 3, 4, -1),
        lambda x: x.view(2, 3, 4, -1).transpose(0, 2),
        lambda x: x[:1].expand(24, -1),
        lambda x: x[0],
    ],
    ids=["columns", "offset", "stride", "4-D", "permuted", "expanded", "vector"],
)
def test_layouts_of_x(linear, device, lay_out):
    torch.manual_seed(0)
    weight, packed = pruned(33, 64, 32, 16, torch.float32)
    assert_correct(linear, device, lay_out(torch.randn(24, 64)), weight, packed)


def test_nan_reaches_the_groups_that_read_it_and_no_other(linear, device):
    """Unused slots repeat a piece the group reads; ReLU does not turn NaN into zero."""
    weight = torch.zeros(48, 64)
    weight[16:32, 16:32] = 1
    weight[32:48, :16] = 1
    x = torch.ones(2, 64)
    x[:, :16] = torch.nan
    x[:, 32:] = torch.inf
    y = linear(x.to(device), pack(weight, rows=16).to(device), activation="relu").cpu()
    assert torch.equal(y[:, :32], torch.tensor([0.0, 16.0]).repeat_interleave(16).expand(2, 32))
    assert y[:, 32:].isnan().all()


def test_tf32_is_within_its_bound(linear, device):
    torch.manual_seed(0)
    weight, packed = pruned(64, 200, 64, 16, torch.float32)
    assert_correct(linear, device, torch.randn(70, 200), weight, packed, tf32=True)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    m=st.integers(1, 40),
    n=st.integers(1, 80),
    k=st.integers(1, 100),
    density=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    activation=st.sampled_from(["identity", "relu"]),
    seed=st.integers(0, 2**31),
)
def test_random_cases(linear, device, m, n, k, density, activation, seed):
    torch.manual_seed(seed)
    weight, packed = pruned(n, k, 16, 8, torch.float16, density)
    bias = torch.randn(n).half()
    assert_correct(linear, device, torch.randn(m, k).half(), weight, packed, bias, activation)


def test_rows_beyond_the_last_are_not_read(linear, device):
    """A second row would lie 2^45 bytes further on, outside every address space."""
    weight = torch.eye(16, 32)
    packed = pack(weight, cover(weight != 0, 16, 16), rows=16)
    x = torch.arange(32.0, device=device).as_strided((1, 32), (2**43, 1))
    assert torch.equal(linear(x, packed.to(device)).cpu(), torch.arange(16.0)[None])


def test_residual_and_every_activation_of_three_axes(linear, device):
    torch.manual_seed(0)
    weight, packed = pruned(40, 64, 16, 8, torch.float32)
    x, bias, residual = torch.randn(2, 3, 64), torch.randn(40), torch.randn(2, 3, 40)
    for activation in ACTIVATIONS:
        exact = kernel.reference(x.double(), packed, bias, residual, activation=activation)
        on_device = (tensor.to(device) for tensor in (bias, residual))
        y = linear(x.to(device), packed.to(device), *on_device, activation=activation).cpu()
        assert torch.allclose(y.double(), exact, rtol=1e-5, atol=1e-5), activation
    assert weight.count_nonzero() > 0


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("splits", [2, 7])
def test_splits(linear, device, splits, dtype):
    """Also of a group with fewer steps than parts."""
    torch.manual_seed(0)
    weight, packed = pruned(40, 300, 16, 16, dtype)
    x, bias = torch.randn(5, 300).to(dtype), torch.randn(40).to(dtype)
    tiling = tilings.Tiling(16, 4, 2, splits)
    assert_correct(linear, device, x, weight, packed, bias, "relu", tiling=tiling)


def test_permuted_rows(linear, device):
    torch.manual_seed(0)
    weight, _ = pruned(48, 64, 16, 8, torch.float32)
    weight = weight[torch.randperm(48)]
    packed = pack(weight, rows=16, width=8, permutation=row_order(weight != 0, 8))
    assert torch.equal(packed.to_dense(), weight)
    assert_correct(linear, device, torch.randn(5, 64), weight, packed, torch.randn(48))


def test_weights_beyond_the_cache(linear, device):
    """13 MiB in three groups, of which two are walked before the third."""
    torch.manual_seed(0)
    weight = torch.randn(384, 10240, device=device)
    weight[128:256, :4096] = 0
    packed, x = pack(weight, rows=128, width=32), torch.randn(20, 10240, device=device)
    found = linear(x, packed, tiling=(16, 4, 2, 1))
    assert torch.allclose(found, x @ weight.T, atol=1e-2)
