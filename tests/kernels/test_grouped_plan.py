"""What the launcher hands to Triton, of which some needs a GPU to act."""

import importlib

import pytest
import torch

from sparseprune.kernels.grouped_weight import pack

pytest.importorskip("triton")
kernel = importlib.import_module("sparseprune.kernels.grouped_linear")
plan = importlib.import_module("sparseprune.kernels.grouped_plan").plan


def planned(x, packed, *, tf32=False):
    """The first launch of a layer."""
    y = x.new_empty(len(x), packed.shape[0])
    return plan(kernel.describe(x, packed, None, None, "identity", tf32, y))[0]


def test_only_asked_for_float32_products_are_rounded():
    packed = pack(torch.ones(64, 64))
    launches = [planned(torch.ones(12800, 64), packed, tf32=tf32) for tf32 in (False, True)]
    assert [launch.constants["PRECISION"] for launch in launches] == ["ieee", "tf32"]
    assert [launch.constants["BM"] for launch in launches] == [64, 128]
    assert [launch.grid for launch in launches] == [(200, 1), (100, 1)]


@pytest.mark.parametrize("start", [0, 1, 4, 16])
@pytest.mark.parametrize("k", [8, 24, 32, 96, 100])
def test_rows_reach_the_kernel_aligned(start, k):
    packed = pack(torch.ones(16, k), rows=16, width=8)
    arguments = planned(torch.ones(5, start + k)[:, start:], packed).arguments
    rows = arguments["x_ptr"]
    assert rows.shape == (5, 1, 1, -(-k // 8) * 8)
    assert 4 * arguments["x_b"] == rows.stride(0)
    assert rows.stride(0) % 4 == 0
    assert rows.data_ptr() % 16 == 0


def test_aligned_rows_are_not_copied():
    x = torch.ones(5, 96)[:, 32:]
    packed = pack(torch.ones(16, 64), rows=16)
    assert planned(x, packed).arguments["x_ptr"].data_ptr() == x.data_ptr()


def test_weights_beyond_the_cache_are_walked_in_chunks():
    walk = importlib.import_module("sparseprune.kernels.walk")
    packed = pack(torch.ones(640, 4096, dtype=torch.bfloat16))  # 5 MiB in 10 groups
    assert walk.arguments(packed)["chunk"] == 10
    assert walk.grid(100, packed, kernel.Tiling(64, 4, 2, 3)) == (20, 3)
    packed = pack(torch.ones(1920, 4096, dtype=torch.bfloat16))  # 15 MiB in 30
    assert walk.arguments(packed)["chunk"] == 15


def test_groups_of_as_many_steps_need_no_table():
    weight = torch.ones(64, 128)
    arguments = planned(torch.ones(5, 128), pack(weight, rows=16)).arguments
    assert arguments["first_ptr"] is arguments["order_ptr"] is None
    weight[:16, :64] = 0
    arguments = planned(torch.ones(5, 128), pack(weight, rows=16)).arguments
    assert arguments["first_ptr"].tolist() == [0, 2, 6, 10, 14]
