import functools
import importlib

import pytest
import torch

from sparseprune.kernels.grouped_weight import pack

pytest.importorskip("triton")
kernel = importlib.import_module("sparseprune.kernels.grouped_feature_major")
ACTIVATIONS = importlib.import_module("sparseprune.kernels.epilogue").ACTIVATIONS
Tiling = importlib.import_module("sparseprune.kernels.tiling").Tiling

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
# M, N, K, rows: tiles exactly filled, one more, one less, single rows and columns.
SHAPES = [
    (16, 16, 64, 16),
    (1, 1, 1, 16),
    (33, 70, 100, 32),
    (200, 65, 130, 64),
    (48, 130, 30, 128),
]


@pytest.fixture(scope="module")
def feature_major(call):
    return functools.partial(call, kernel.grouped_feature_major)


def pruned(n, k, rows, dtype, density=0.4):
    """A random weight of columns of ``rows`` weights kept or dropped whole."""
    kept = (torch.rand(-(-n // rows), k) < density).repeat_interleave(rows, 0)[:n]
    weight = (torch.randn(n, k) * kept).to(dtype)
    return weight, pack(weight, kept, rows=rows, width=1)


def assert_correct(feature_major, device, x, packed, bias=None, activation="identity", **options):
    exact = kernel.reference(x.double(), packed, bias, activation=activation)
    given = None if bias is None else bias.to(device)
    y = feature_major(x.to(device), packed.to(device), given, activation=activation, **options)
    y = y.cpu()
    assert (y.dtype, y.shape) == (x.dtype, exact.shape)
    magnitude = packed.to_dense().double().abs() @ x.double().abs()
    magnitude += 0 if bias is None else bias.double().abs()[:, None]
    limit = 1.2 * (x.shape[0] + 2) * 2.0**-23 * magnitude + 1e-6
    # The interpreter cuts bfloat16 off instead of rounding it.
    stored = torch.finfo(x.dtype).eps / (1 if x.dtype == torch.bfloat16 else 2)
    within = (y.double() - exact).abs() <= limit + stored * (exact.abs() + limit) + 2.0**-25
    assert within.all(), f"{int((~within).sum())} of {y.numel()} outside the bound"


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape(feature_major, device, shape, dtype):
    torch.manual_seed(0)
    m, n, k, rows = shape
    _, packed = pruned(n, k, rows, dtype)
    x, bias = torch.randn(k, m).to(dtype), torch.randn(n).to(dtype)
    assert_correct(feature_major, device, x, packed, bias, "relu")
    assert_correct(feature_major, device, x, packed, tiling=Tiling(16, 4, 2, 3))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(feature_major, device, activation):
    torch.manual_seed(0)
    _, packed = pruned(20, 40, 16, torch.float32)
    x, bias = torch.randn(40, 16), torch.randn(20)
    assert_correct(feature_major, device, x, packed, bias, activation)


def test_wider_pieces_and_permuted_rows(feature_major, device):
    torch.manual_seed(0)
    weight = torch.randn(32, 64)
    weight[::2, :32] = 0
    weight[1::2, 32:] = 0
    order = torch.arange(32).view(16, 2).T.flatten()
    packed = pack(weight, rows=16, width=8, permutation=order)
    assert_correct(feature_major, device, torch.randn(64, 20), packed, torch.randn(32))


@pytest.mark.parametrize(
    "lay_out",
    [
        lambda x: x.T.contiguous().T,
        lambda x: torch.nn.functional.pad(x, (3, 2))[:, 3:-2],
        lambda x: torch.nn.functional.pad(x, (16, 16))[:, 16:-16],
        lambda x: x[:, :1].expand(-1, 32),
        lambda x: x[:, :7],
    ],
    ids=["columns", "offset", "stride", "expanded", "few"],
)
def test_layouts_of_x(feature_major, device, lay_out):
    torch.manual_seed(0)
    _, packed = pruned(20, 40, 16, torch.float16)
    assert_correct(feature_major, device, lay_out(torch.randn(40, 32).half()), packed)


def test_aligned_inputs_are_read_where_they_lie():
    """NaN beside x is not read, and nothing is written beside y."""
    memory = torch.full((42, 64), torch.nan)
    packed = pack(torch.ones(16, 40), rows=16, width=1)
    x = memory[1:41, 16:48]
    (launch,) = kernel.plan(x, packed, None, "identity", False, torch.empty(16, 32))
    assert launch.arguments["x_ptr"].data_ptr() == x.data_ptr()
    assert launch.arguments["tokens"] == 32


@pytest.mark.parametrize("splits", [1, 2])
def test_nothing_beside_the_tensors_is_read_or_written(feature_major, device, splits):
    torch.manual_seed(0)
    _, packed = pruned(20, 150, 16, torch.float32)
    memory = torch.full((152, 96), torch.nan, device=device)
    x = memory[1:151, 16:64]
    x.copy_(torch.randn(x.shape))
    place = torch.full((22, 60), torch.nan, device=device)
    y = place[1:21, 5:53]
    feature_major(x, packed.to(device), out=y, tiling=Tiling(16, 4, 2, splits))
    exact = kernel.reference(x.cpu().double(), packed)
    assert torch.allclose(y.cpu().double(), exact, atol=1e-4)
    y.fill_(torch.nan)
    assert place.isnan().all()


def test_no_tokens(feature_major, device):
    packed = pack(torch.ones(16, 16), rows=16, width=1).to(device)
    assert feature_major(torch.ones(16, 0, device=device), packed).shape == (16, 0)


@pytest.mark.parametrize("x", [torch.ones(15, 4), torch.ones(16)], ids=["inputs", "vector"])
def test_shape_of_x(x):
    with pytest.raises(ValueError, match=r"expected x of shape \[16, M\] as the weight has, got"):
        kernel.grouped_feature_major(x, pack(torch.ones(16, 16), rows=16, width=1))
