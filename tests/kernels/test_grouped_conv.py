import functools
import importlib

import pytest
import torch
import torch.nn.functional as F

from sparseprune.kernels.grouped_conv_weight import pack_conv, to_matrix
from sparseprune.kernels.grouped_weight import cover, row_order

pytest.importorskip("triton")
kernel = importlib.import_module("sparseprune.kernels.grouped_conv")
run_product = importlib.import_module("sparseprune.kernels.grouped_plan").execute
ACTIVATIONS = importlib.import_module("sparseprune.kernels.epilogue").ACTIVATIONS
tilings = importlib.import_module("sparseprune.kernels.tiling")

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
# Batch, channels, height, width, filters, taps, and what else: strides, borders, dilation, sizes
# of blocks that are not filled.
CASES = {
    "1x1": (2, 32, 5, 3, 64, (1, 1), {}),
    "1x1 stride": (1, 16, 7, 6, 24, (1, 1), {"stride": 2}),
    "1x1 padding": (1, 16, 3, 3, 16, (1, 1), {"padding": 1}),
    "3x3": (2, 16, 5, 5, 32, (3, 3), {"padding": 1}),
    "3x3 odd channels": (1, 20, 4, 6, 37, (3, 3), {"padding": 1}),
    "3x3 stride": (3, 16, 7, 5, 16, (3, 3), {"padding": 1, "stride": 2}),
    "3x3 valid": (1, 16, 5, 6, 16, (3, 3), {}),
    "3x3 dilation": (1, 16, 9, 9, 16, (3, 3), {"padding": 2, "dilation": 2}),
    "1x7": (1, 16, 4, 9, 16, (1, 7), {"padding": (0, 3)}),
    "3x2 uneven": (2, 16, 9, 8, 16, (3, 2), {"padding": (2, 1), "stride": (2, 1)}),
    "3x2 apart": (1, 16, 11, 9, 16, (3, 2), {"dilation": (3, 2), "padding": (1, 2)}),
    "5x5": (1, 16, 6, 6, 16, (5, 5), {"padding": 2}),
    "7x7 stem": (1, 3, 12, 12, 24, (7, 7), {"padding": 3, "stride": 2}),
    "one pixel": (1, 16, 1, 1, 16, (3, 3), {"padding": 1}),
    "many rows": (1, 16, 17, 9, 16, (1, 1), {}),
}


@pytest.fixture(scope="module")
def conv(call):
    return functools.partial(call, kernel.grouped_conv)


def pruned(n, c, taps, dtype, *, rows=16, width=8, density=0.5):
    """A random convolution in whole blocks, packed."""
    matrix = to_matrix(torch.rand(n, c, *taps) + 0.5, width)
    groups, pieces = -(-n // rows), matrix.shape[1] // width
    blocks = torch.rand(groups, pieces) < density
    mask = blocks.repeat_interleave(rows, 0).repeat_interleave(width, 1)[:n]
    mask = mask.unflatten(1, (*taps, -1))[..., :c].permute(0, 3, 1, 2)
    weight = (torch.randn(n, c, *taps) * mask).to(dtype)
    return weight, pack_conv(weight, whole(weight, rows, width), rows=rows, width=width)


def whole(weight, rows, width):
    """The mask of the blocks that are not all zero, as the weight is shaped."""
    c, *taps = weight.shape[1:]
    mask = cover(to_matrix(weight != 0, width), rows, width)
    return mask.unflatten(1, (*taps, -1))[..., :c].permute(0, 3, 1, 2)


def bound(x, packed, bias, residual, options, exact, device):
    """Largest error of float32 sums, stored in x's type; activations are at most 1.1-Lipschitz."""
    weight = packed.to_dense().double()
    steps = weight[0].numel() + 3
    unit = steps * (2.0**-23 if device == "cuda" else 2.0**-24)
    magnitude = F.conv2d(x.double().abs(), weight.abs(), None, **options)
    for tensor in (None if bias is None else bias[:, None, None], residual):
        magnitude = magnitude if tensor is None else magnitude + tensor.double().abs()
    limit = 1.2 * unit * magnitude + 1e-6
    stored = torch.finfo(x.dtype).eps / 2
    if x.dtype == torch.bfloat16 and device == "cpu":
        stored *= 2  # the interpreter cuts off what it should round
    return limit + stored * (exact.abs() + limit) + 2.0**-25


def assert_correct(
    conv, device, x, packed, bias=None, residual=None, activation="identity", **extra
):
    options = {k: v for k, v in extra.items() if k in ("stride", "padding", "dilation")}
    exact = kernel.reference(x.double(), packed, bias, residual, activation=activation, **options)
    halo, out_halo = extra.get("halo", 0), extra.get("out_halo", 0)
    given = [None if t is None else t.to(device) for t in (bias, residual)]
    haloed = F.pad(x, (halo,) * 4).to(device, memory_format=torch.channels_last)
    y = conv(haloed, packed.to(device), *given, activation=activation, **extra).cpu()
    assert y.dtype == x.dtype
    assert y.is_contiguous(memory_format=torch.channels_last)
    if out_halo:
        border = y.clone()
        border[:, :, out_halo:-out_halo, out_halo:-out_halo] = 0
        assert torch.equal(border, torch.zeros_like(border))
        y = y[:, :, out_halo:-out_halo, out_halo:-out_halo]
    assert y.shape == exact.shape
    limit = bound(x, packed, bias, residual, options, exact, device)
    within = (y.double() - exact).abs() <= limit  # written so that NaN fails
    assert within.all(), f"{int((~within).sum())} of {y.numel()} outside the bound"
    return y


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_every_case(conv, device, case, dtype):
    torch.manual_seed(0)
    b, c, h, w, n, taps, options = CASES[case]
    _, packed = pruned(n, c, taps, dtype)
    x, bias = torch.randn(b, c, h, w).to(dtype), torch.randn(n).to(dtype)
    residual = torch.randn(kernel.reference(x.float(), packed, **options).shape).to(dtype)
    assert_correct(conv, device, x, packed, bias, residual, "relu", **options)


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("halo", [1, 2])
def test_halo_is_no_different_from_padding(conv, device, halo, padding):
    torch.manual_seed(0)
    _, packed = pruned(32, 16, (3, 3), torch.float16)
    x = torch.randn(2, 16, 6, 5).half()
    assert_correct(conv, device, x, packed, padding=padding, halo=halo, stride=(1, 2))


@pytest.mark.parametrize("splits", [1, 2])
@pytest.mark.parametrize(("size", "out_halo"), [((1, 1), 1), ((3, 2), 2), ((4, 5), 3)])
def test_halo_of_the_result_is_zero(conv, device, size, out_halo, splits):
    torch.manual_seed(0)
    _, packed = pruned(20, 16, (3, 3), torch.float32)
    x = torch.randn(2, 16, *size)
    tiling = tilings.Tiling(16, 4, 2, splits)
    residual = torch.randn(2, 20, *size)
    options = {"padding": 1, "out_halo": out_halo, "tiling": tiling}
    assert_correct(conv, device, x, packed, torch.ones(20), residual, **options)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(conv, device, activation):
    torch.manual_seed(0)
    _, packed = pruned(16, 16, (1, 1), torch.float32, density=1)
    x, residual = 2 * torch.randn(1, 16, 3, 3), torch.randn(1, 16, 3, 3)
    assert_correct(conv, device, x, packed, torch.randn(16), residual, activation)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("splits", [2, 5])
def test_splits(conv, device, splits, dtype):
    """Also where a group has fewer steps, or none at all."""
    torch.manual_seed(0)
    weight, _ = pruned(40, 32, (3, 3), dtype, density=0.9)
    weight[16:32] = 0
    packed = pack_conv(weight, whole(weight, 16, 8), rows=16, width=8)
    x, bias, residual = torch.randn(1, 32, 4, 4), torch.randn(40), torch.randn(1, 40, 4, 4)
    x, bias, residual = (tensor.to(dtype) for tensor in (x, bias, residual))
    tiling = tilings.Tiling(16, 4, 2, splits)
    options = {"padding": 1, "tiling": tiling}
    assert_correct(conv, device, x, packed, bias, residual, "silu", **options)


def test_permuted_rows(conv, device):
    """Filters of two kinds, every other one: groups of one kind each."""
    torch.manual_seed(0)
    weight = torch.randn(32, 16, 3, 3)
    weight[::2, :8] = 0
    weight[1::2, 8:] = 0
    with pytest.raises(ValueError, match=r"pack with permutation=row_order\(mask, 8\), which fits"):
        pack_conv(weight, rows=16, width=8)
    order = row_order(to_matrix(weight != 0, 8), 8)
    packed = pack_conv(weight, rows=16, width=8, permutation=order)
    assert torch.equal(packed.to_dense(), weight)
    assert packed.matrix.density == 0.5
    x, residual = torch.randn(1, 16, 4, 3), torch.randn(1, 32, 4, 3)
    for splits in (1, 2):
        options = {"padding": 1, "tiling": tilings.Tiling(16, 4, 2, splits), "out_halo": 1}
        assert_correct(conv, device, x, packed, torch.randn(32), residual, "relu", **options)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dense_layers_run_with_every_block_kept(conv, device, dtype):
    torch.manual_seed(0)
    weight = torch.randn(33, 37, 3, 3).to(dtype)
    packed = pack_conv(weight, torch.ones_like(weight, dtype=torch.bool), rows=32, width=8)
    assert packed.matrix.density == 1
    assert torch.equal(packed.to_dense(), weight)
    x, bias = torch.randn(1, 37, 5, 4).to(dtype), torch.randn(33).to(dtype)
    assert_correct(conv, device, x, packed, bias, activation="relu", padding=1)


@pytest.mark.parametrize(
    "lay_out",
    [
        lambda x: x.contiguous(),
        lambda x: F.pad(x, (1, 2, 3, 0))[:, :, 3:, 1:-2],
        lambda x: F.pad(x, (0, 0, 0, 0, 4, 4))[:, 4:-4],
        lambda x: F.pad(x, (0, 0, 0, 0, 1, 0))[:, 1:],
        lambda x: x[:1].expand(2, -1, -1, -1),
        lambda x: x[:, :, :1, :1],
    ],
    ids=["NCHW", "crop", "slice of channels", "unaligned", "expanded", "one pixel"],
)
def test_layouts_of_x(conv, device, lay_out):
    torch.manual_seed(0)
    _, packed = pruned(16, 16, (3, 3), torch.float32)
    x = lay_out(torch.randn(2, 16, 6, 5).to(memory_format=torch.channels_last))
    exact = kernel.reference(x.double(), packed, padding=1)
    y = conv(x.to(device), packed.to(device), padding=1).cpu()
    assert ((y - exact).abs() <= bound(x, packed, None, None, {"padding": 1}, exact, device)).all()


@pytest.mark.parametrize("splits", [1, 3])
def test_nothing_beside_the_tensors_is_read_or_written(call, device, splits):
    """x lies in NaN, and so does y; taps outside of x are not read, nor are dropped blocks."""
    torch.manual_seed(0)
    _, packed = pruned(20, 16, (3, 3), torch.float32)
    memory = torch.full((4, 9, 8, 24), torch.nan)
    x = memory[1:3, 2:7, 3:6, 4:20]
    x.copy_(torch.randn(x.shape))
    place = torch.full((4, 10, 9, 28), torch.nan, device=device)
    y = place[1:3, 2:7, 3:6, 4:24]
    memory = memory.to(device)
    beside = torch.full((2, 7, 5, 24), torch.nan)
    beside[:, 1:6, 1:4, :20] = torch.randn(2, 5, 3, 20)
    beside = beside.to(device)
    residual = beside[:, 1:6, 1:4, :20].permute(0, 3, 1, 2)
    product = kernel.describe(
        *(memory[1:3, 2:7, 3:6, 4:20].permute(0, 3, 1, 2), packed.to(device), None, residual),
        *((1, 1), (1, 1), (1, 1), y.permute(0, 3, 1, 2), 0, "identity", False),
    )
    assert product.x.data_ptr() == memory[1, 2, 3, 4:].data_ptr()
    assert product.residual.data_ptr() == residual.data_ptr()
    call(run_product, product, tilings.Tiling(16, 4, 2, splits))
    exact = kernel.reference(
        x.permute(0, 3, 1, 2).double(), packed, None, residual.cpu(), padding=1
    )
    assert torch.allclose(y.cpu().permute(0, 3, 1, 2).double(), exact, atol=1e-4)
    y.fill_(torch.nan)
    assert place.isnan().all()


def test_a_nan_reaches_its_neighbours_and_no_other(conv, device):
    packed = pack_conv(torch.ones(16, 16, 3, 3), rows=16, width=8)
    x = torch.ones(1, 16, 7, 7)
    x[0, 3, 2, 2] = torch.nan
    y = conv(x.to(device), packed.to(device), padding=1, activation="relu").cpu()
    expected = torch.zeros(7, 7, dtype=torch.bool)
    expected[1:4, 1:4] = True
    assert torch.equal(y.isnan(), expected.expand(1, 16, 7, 7))


def test_no_images(conv, device):
    packed = pack_conv(torch.ones(16, 16, 1, 1), rows=16).to(device)
    assert conv(torch.ones(0, 16, 3, 3, device=device), packed).shape == (0, 16, 3, 3)


def test_offsets_beyond_32_bits(call, device):
    """Images 2^31 elements apart; the memory between is never touched, so it costs nothing."""
    torch.manual_seed(0)
    _, packed = pruned(16, 8, (3, 3), torch.float16)
    memory = sparse_memory(2**32 + 2**12, device)
    x, y = (
        memory.as_strided((2, 4, 4, channels), (2**31, 4 * channels, channels, 1), start)
        for channels, start in ((8, 0), (16, 512))
    )
    x.copy_(torch.randn(x.shape))
    product = kernel.describe(
        *(x.permute(0, 3, 1, 2), packed.to(device), None, None, (1, 1), (1, 1), (1, 1)),
        *(y.permute(0, 3, 1, 2), 0, "identity", False),
    )
    call(run_product, product)
    exact = kernel.reference(x.cpu().permute(0, 3, 1, 2).double(), packed, padding=1)
    assert torch.allclose(y.cpu().permute(0, 3, 1, 2).double(), exact, rtol=1e-3, atol=1e-2)


def sparse_memory(size, device):
    """float16 [size / 2] that takes up no memory before it is written."""
    if device == "cuda":
        return torch.empty(size // 2, dtype=torch.float16, device=device)
    storage = torch.UntypedStorage._new_shared(size)
    return torch.empty(0, dtype=torch.float16).set_(storage)


@pytest.mark.parametrize("n", [128, 100])
def test_the_tallest_tiles_are_stored_half_by_half(conv, device, n):
    """300 rows in tiles of 256; of 100 filters, permuted, the second half has fewer."""
    torch.manual_seed(0)
    weight, _ = pruned(n, 8, (3, 3), torch.float32)
    order = torch.randperm(n) if n < 128 else None
    packed = pack_conv(weight, torch.ones_like(weight) > 0, rows=128, width=8, permutation=order)
    x, bias, residual = torch.randn(12, 8, 5, 5), torch.randn(n), torch.randn(12, n, 5, 5)
    options = {"padding": 1, "out_halo": 1, "tiling": tilings.Tiling(256, 8, 2, 1)}
    assert_correct(conv, device, x, packed, bias, residual, "relu", **options)
