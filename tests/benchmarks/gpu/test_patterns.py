"""Masks that our packers take, and tilings that a GPU has room for."""

import pytest
import torch

pytest.importorskip("triton")

from gpu.patterns import Pattern, balanced, segments, tilings
from gpu.place import Place, here

from sparseprune.kernels.grouped_weight import pack
from sparseprune.kernels.segment_weight import pack_segments
from sparseprune.kernels.tiling import tiling

H100 = Place(torch.device("cuda"), cache=2**25, shared=227 * 1024)
SMALL = Place(torch.device("cuda"), cache=2**25, shared=99 * 1024)


@pytest.mark.parametrize(("percent", "kept"), [(0, 16), (75, 4), (90, 2), (99, 1)])
def test_balanced_keeps_the_largest_blocks_of_each_group(percent, kept):
    weight = torch.rand(128, 256) + 0.1
    mask = balanced(weight, Pattern(64, 16), percent)
    packed = pack(weight * mask, rows=64, width=16)
    assert packed.kept == 2 * kept
    blocks = weight.square().view(2, 64, 16, 16).sum((1, 3))
    kept_blocks = mask.view(2, 64, 16, 16).any(3).any(1)
    for sizes, stays in zip(blocks, kept_blocks, strict=True):
        assert set(sizes.topk(kept).indices.tolist()) == set(stays.nonzero().flatten().tolist())


def test_segments_keep_equally_many():
    weight = torch.randn(8, 512)
    packed = pack_segments(weight, weight != 0, segment=256)
    assert packed.count == 256
    mask = segments(weight, 256, 25)
    assert pack_segments(weight * mask, mask, segment=256).count == 25
    assert weight.abs()[0, :256][mask[0, :256]].min() >= weight.abs()[0, :256][~mask[0, :256]].max()


@pytest.mark.parametrize("place", [H100, SMALL])
@pytest.mark.parametrize("rows", [64, 128])
@pytest.mark.parametrize("m", [1, 16, 256, 4096])
def test_tilings_fit_and_differ(m, rows, place):
    weight = pack(torch.ones(256, 4096, dtype=torch.bfloat16), rows=rows)
    tried = list(tilings(m, weight, place))
    assert tried[0] == tiling(m, weight, tensor_cores=True)
    assert len(set(tried)) == len(tried) >= 2
    assert all(one.stages * (one.block_m + rows) * 128 <= place.shared for one in tried)
    assert all(one.block_m < 2 * max(m, 16) for one in tried)
    assert len({one.splits for one in tried}) > 1


def test_programs_that_keep_a_gpu_busy_are_not_split():
    weight = pack(torch.ones(4096, 1024, dtype=torch.bfloat16))
    assert {one.splits for one in tilings(4096, weight, H100)} == {1}


def test_a_dry_run_tries_parts():
    weight = pack(torch.ones(64, 256))
    assert [one.splits for one in tilings(9, weight, here(dry=True))] == [1, 2]
