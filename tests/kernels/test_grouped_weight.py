import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparseprune.kernels.grouped_weight import ROWS, cover, pack, row_order


def steps(packed):
    return packed.first.diff().tolist()


@st.composite
def patterns(draw):
    """A block mask [N, K], its sizes and a dtype that has them."""
    dtype = draw(st.sampled_from([torch.float16, torch.bfloat16, torch.float32]))
    rows = draw(st.sampled_from(ROWS))
    width = max(1, draw(st.sampled_from([0, 16, 32, 64, 128])) // dtype.itemsize)
    n, k = draw(st.integers(1, 200)), draw(st.integers(1, 200))
    torch.manual_seed(draw(st.integers(0, 2**31)))
    blocks = torch.rand(-(-n // rows), -(-k // width)) < draw(st.sampled_from([0, 0.2, 0.7, 1]))
    mask = blocks.repeat_interleave(rows, 0).repeat_interleave(width, 1)[:n, :k]
    return mask, rows, width, dtype


@settings(max_examples=40, deadline=None, derandomize=True)
@given(patterns())
def test_round_trip(pattern):
    """Also where kept blocks hold zeros, which only the mask can say."""
    mask, rows, width, dtype = pattern
    weight = (torch.randn(mask.shape) * mask * (torch.rand(mask.shape) < 0.8)).to(dtype)
    packed = pack(weight, mask, rows=rows, width=width)
    assert torch.equal(packed.to_dense(), weight)
    assert packed.shape == tuple(weight.shape)
    assert packed.values.dtype == dtype
    assert packed.values.is_contiguous()
    again = pack(packed.to_dense(), mask, rows=rows, width=width)
    assert torch.equal(again.values, packed.values)
    assert torch.equal(again.pieces, packed.pieces)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(patterns())
def test_indices_are_safe_to_follow(pattern):
    """Every slot names a piece of the input, one step beyond the last included."""
    mask, rows, width, dtype = pattern
    packed = pack(mask.to(dtype), rows=rows, width=width)
    count, v, step = packed.values.shape
    groups, pieces = -(-mask.shape[0] // rows), -(-mask.shape[1] // width)
    assert (v, step) == (rows, 128 // dtype.itemsize)
    assert packed.pieces.shape == ((count + 1) * step // width,)
    assert packed.pieces.min() >= 0
    assert packed.pieces.max() < pieces
    assert packed.first[0] == 0
    assert packed.first[-1] == count
    assert sorted(packed.order.tolist()) == list(range(groups))
    lengths = packed.first.diff()[packed.order.long()]
    assert torch.equal(lengths, lengths.sort(descending=True).values)


def test_layout_of_a_small_weight():
    """Group 0 keeps pieces 1 and 3 of width 32, group 1 none, group 2 (half) all four."""
    weight = torch.zeros(40, 120, dtype=torch.float16)
    weight[:16, 32:64] = 1
    weight[:16, 96:] = 2
    weight[32:] = torch.arange(1, 121) / 8
    packed = pack(weight, rows=16, width=32)
    assert steps(packed) == [1, 0, 2]
    assert packed.order.tolist() == [2, 0, 1]
    assert packed.pieces.tolist() == [1, 3, 0, 1, 2, 3, 0, 0]
    assert packed.values.shape == (3, 16, 64)
    assert torch.equal(
        packed.values[0, 5],
        torch.tensor([1.0, 2, 0]).half().repeat_interleave(torch.tensor([32, 24, 8])),
    )
    assert packed.values[1:, 8:].count_nonzero() == 0
    assert packed.values[1, 7].tolist() == [i / 8 for i in range(1, 65)]
    assert packed.kept == 6
    assert packed.density == 0.5


def test_unused_slots_repeat_the_last_piece():
    weight = torch.zeros(16, 64)
    weight[:, 16:24] = 1
    packed = pack(weight, rows=16, width=8)
    assert packed.pieces.tolist() == [2, 2, 2, 2, 0, 0, 0, 0]
    assert packed.values[0, :, 8:].count_nonzero() == 0


def test_all_zero_and_single_group():
    packed = pack(torch.zeros(70, 50))
    assert steps(packed) == [0, 0]
    assert packed.density == 0
    assert torch.equal(packed.to_dense(), torch.zeros(70, 50))
    assert steps(pack(torch.ones(3, 5))) == [1]


def test_the_given_weight_is_copied_without_its_gradient():
    weight = torch.ones(16, 32, requires_grad=True)
    packed = pack(weight, rows=16)
    assert not packed.values.requires_grad
    weight.data.zero_()
    assert packed.to_dense().sum() == 16 * 32


def test_to_moves_every_tensor():
    packed = pack(torch.ones(16, 32), rows=16).to("meta")
    assert {t.device.type for t in vars(packed).values() if torch.is_tensor(t)} == {"meta"}
    assert (packed.shape, packed.kept) == ((16, 32), 2)


def test_cover_keeps_whole_blocks_and_no_more():
    mask = torch.zeros(20, 20, dtype=torch.bool)
    mask[17, 19] = True
    whole = cover(mask, 16, 8)
    assert whole[16:, 16:].all()
    assert whole.sum() == 4 * 4


def test_partly_kept_blocks_name_a_size_that_fits():
    weight = torch.zeros(128, 64)
    weight[64:96, 16:24] = 1
    message = (
        r"expected blocks of 64 rows x 16 inputs kept or dropped whole, got 1 of 8 kept in part, "
        r"the first in rows from 64, inputs from 16; pack with rows=32, width=8, which fits$"
    )
    with pytest.raises(ValueError, match=message):
        pack(weight)
    assert torch.equal(pack(weight, rows=32, width=8).to_dense(), weight)


def test_the_largest_fitting_size_is_named():
    weight = torch.zeros(256, 128, dtype=torch.float16)
    weight[128:, :64] = 1
    weight[:128, 64:] = 1
    weight[:64, :8] = 1
    with pytest.raises(ValueError, match=r"1 of 8 kept in part.*rows=64, width=8, which fits"):
        pack(weight, rows=128, width=32)


def test_scattered_zeros_name_the_price_of_whole_blocks():
    weight = torch.zeros(64, 64)
    weight[0, 0] = weight[63, 63] = 1
    message = (
        r"2 of 4 kept in part, .*; no supported size fits; pass mask=cover\(mask, 64, 16\), where "
        r"mask is weight != 0 if none is given, to store these blocks whole, which keeps 50.0% of "
        r"the weight instead of 0.0%$"
    )
    with pytest.raises(ValueError, match=message):
        pack(weight)
    packed = pack(weight, cover(weight != 0, 64, 16))
    assert torch.equal(packed.to_dense(), weight)
    assert packed.density == 0.5
    with pytest.raises(ValueError, match=r"pass mask=cover\(mask, 64, 16\)"):
        pack(weight, weight != 0)


def test_mask_of_another_shape_or_type():
    weight = torch.ones(16, 32)
    with pytest.raises(ValueError, match=r"bool mask of shape \(16, 32\) .* torch.bool \(32, 16\)"):
        pack(weight, torch.ones(32, 16, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"bool mask of shape \(16, 32\) .* torch.float32"):
        pack(weight, weight)


def test_weights_outside_the_mask():
    message = "expected zeros where the mask drops weights, got 512 nonzero ones; multiply"
    with pytest.raises(ValueError, match=message):
        pack(torch.ones(16, 32), torch.zeros(16, 32, dtype=torch.bool))


@pytest.mark.parametrize("shape", [(4,), (4, 4, 3, 3), (0, 4), (4, 0)], ids=str)
def test_shapes_that_are_no_matrix(shape):
    with pytest.raises(ValueError, match=r"expected a weight of shape \[outputs, inputs\]"):
        pack(torch.ones(shape))


@pytest.mark.parametrize("dtype", [torch.float64, torch.int8], ids=str)
def test_types_without_a_kernel(dtype):
    with pytest.raises(
        ValueError, match=f"expected a float16, bfloat16 or float32 weight, got {dtype}"
    ):
        pack(torch.ones(16, 16, dtype=dtype))


def test_sizes_without_a_kernel():
    with pytest.raises(ValueError, match=r"rows to be one of \(16, 32, 64, 128\), got 8"):
        pack(torch.ones(16, 16), rows=8)
    with pytest.raises(
        ValueError, match=r"width to be one of \(1, 4, 8, 16, 32\) for torch.float32"
    ):
        pack(torch.ones(16, 16), width=64)
    with pytest.raises(ValueError, match=r"one of \(1, 8, 16, 32, 64\) for torch.float16, got 4"):
        pack(torch.ones(16, 16).half(), width=4)


def test_rows_in_another_order_are_named_and_fit():
    """Even rows keep one half, odd rows the other: no blocks, until they are sorted."""
    torch.manual_seed(0)
    weight = torch.randn(70, 64)
    weight[::2, :32] = 0
    weight[1::2, 32:] = 0
    with pytest.raises(
        ValueError, match=r"; pack with permutation=row_order\(mask, 16\), which fits$"
    ):
        pack(weight[:64], rows=32)
    packed = pack(weight[:64], rows=32, permutation=row_order(weight[:64] != 0, 16))
    assert torch.equal(packed.to_dense(), weight[:64])
    assert packed.density == 0.5
    assert packed.permutation[:2].tolist() in ([0, 2], [1, 3])


@pytest.mark.parametrize("order", [[0, 1, 1], [0, 1], [1, 2, 3]], ids=str)
def test_orders_that_are_no_permutation(order):
    with pytest.raises(ValueError, match="expected a permutation of the 3 rows"):
        pack(torch.ones(3, 16), rows=16, permutation=torch.tensor(order))


def test_the_longest_group_is_known():
    weight = torch.ones(32, 100)
    weight[:16, 40:] = 0
    assert pack(weight, rows=16, width=4).longest == 4
