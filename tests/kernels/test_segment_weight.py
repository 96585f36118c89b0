import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparseprune.kernels.segment_weight import pack_segments


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    n=st.integers(1, 20),
    k=st.integers(1, 300),
    segment=st.sampled_from([1, 4, 32, 256]),
    density=st.sampled_from([0.0, 0.2, 1.0]),
    dtype=st.sampled_from([torch.float16, torch.bfloat16, torch.float32]),
    seed=st.integers(0, 2**31),
)
def test_round_trip(n, k, segment, density, dtype, seed):
    """Every place lies inside of x, also those that store nothing."""
    torch.manual_seed(seed)
    mask = torch.rand(n, k) < density
    weight = (torch.randn(n, k) * mask * (torch.rand(n, k) < 0.9)).to(dtype)
    packed = pack_segments(weight, mask, segment=segment, count=segment)
    assert torch.equal(packed.to_dense(), weight)
    starts = torch.arange(packed.stored) // packed.count * segment
    assert int((packed.indices[:, : packed.stored].long() + starts).max()) < k
    assert packed.values.shape == packed.indices.shape
    assert packed.values.shape[1] % 16 == 0


def test_layout_of_a_small_weight():
    weight = torch.tensor([[0.0, 1, 0, 2, 3, 4, 0, 0, 5, 0], [6, 0, 7, 0, 0, 0, 8, 9, 0, 10]])
    packed = pack_segments(weight, segment=4)
    assert (packed.count, packed.stored) == (2, 6)
    assert packed.values[:, :6].tolist() == [[1, 2, 3, 4, 5, 0], [6, 7, 8, 9, 10, 0]]
    assert packed.indices[:, :6].tolist() == [[1, 3, 0, 1, 0, 0], [0, 2, 2, 3, 1, 1]]
    assert packed.values[:, 6:].count_nonzero() == 0


def test_kept_zeros_are_stored_by_the_mask():
    mask = torch.tensor([[True, True, False, False]])
    packed = pack_segments(torch.zeros(1, 4), mask, segment=4)
    assert packed.indices[0, :2].tolist() == [0, 1]


def test_all_zero():
    packed = pack_segments(torch.zeros(3, 10), segment=8)
    assert torch.equal(packed.to_dense(), torch.zeros(3, 10))


def test_unequal_segments_name_the_count_and_its_price():
    weight = torch.ones(2, 16)
    weight[0, 1:8] = 0
    message = (
        r"expected equally many kept of each 8 inputs, got 1 to 8; prune with one number for all, "
        r"or pass count=8 to store 1.3 times the weights that are kept"
    )
    with pytest.raises(ValueError, match=message):
        pack_segments(weight, segment=8)
    assert torch.equal(pack_segments(weight, segment=8, count=8).to_dense(), weight)


@pytest.mark.parametrize("count", [7, 9])
def test_counts_that_do_not_hold_the_weights(count):
    with pytest.raises(ValueError, match=f"expected a count from 8, .* to 8, got {count}"):
        pack_segments(torch.ones(2, 16), segment=8, count=count)


@pytest.mark.parametrize("segment", [0, 3, 512])
def test_segments_without_a_kernel(segment):
    with pytest.raises(ValueError, match=f"power of two of inputs up to 256, got {segment}"):
        pack_segments(torch.ones(2, 16), segment=segment)


@pytest.mark.parametrize("weight", [torch.ones(4), torch.ones(0, 4), torch.ones(4, 4).double()])
def test_weights_without_a_kernel(weight):
    with pytest.raises(
        ValueError, match=r"expected a float16, bfloat16 or float32 weight of shape"
    ):
        pack_segments(weight)


def test_to_moves_both_tensors():
    packed = pack_segments(torch.ones(2, 16), segment=8).to("meta")
    assert {packed.values.device.type, packed.indices.device.type} == {"meta"}
