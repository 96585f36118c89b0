import importlib

import pytest
import torch

from sparseprune.kernels.grouped_weight import pack

pytest.importorskip("triton")
tilings = importlib.import_module("sparseprune.kernels.tiling")
tiling = tilings.tiling

H100 = tilings.H100
SMALLEST = tilings.Gpu(multiprocessors=20, shared=99 * 1024, all_shared=100 * 1024, capability=8)


@pytest.mark.parametrize("gpu", [SMALLEST, H100])
@pytest.mark.parametrize("tensor_cores", [True, False])
@pytest.mark.parametrize("rows", [16, 32, 64, 128])
@pytest.mark.parametrize("m", [1, 16, 17, 64, 65, 128, 5000])
def test_tiling_fits(m, rows, tensor_cores, gpu):
    packed = pack(torch.ones(rows, 32), rows=rows)
    block_m, warps, stages, splits = tiling(m, packed, tensor_cores=tensor_cores, gpu=gpu)
    assert block_m in {16, 32, 64, 128}
    assert block_m < 2 * max(m, 16)
    assert block_m * rows <= 64 * 32 * warps
    assert 2 <= stages <= 4
    assert splits == 1
    assert stages * (block_m + rows) * 128 < gpu.shared


@pytest.mark.parametrize(
    ("m", "groups", "steps", "gpu", "expected"),
    [
        (4096, 32, 16, H100, (256, 8, 4, 1)),  # one block has all registers, and many steps
        (4096, 32, 16, SMALLEST, (128, 8, 3, 1)),
        (4096, 32, 5, H100, (128, 8, 3, 1)),  # one tile ends while another begins
        (6272, 2, 9, H100, (128, 8, 4, 1)),  # 98 tiles of 128 rows, but 50 of 256
        (1568, 4, 18, H100, (64, 4, 4, 1)),
        (100352, 1, 2, H100, (128, 8, 2, 1)),  # no more stages than steps
    ],
)
def test_tiles_are_as_tall_as_occupies_the_gpu(m, groups, steps, gpu, expected):
    packed = pack(torch.ones(128 * groups, 64 * steps, dtype=torch.bfloat16), rows=128)
    assert tiling(m, packed, tensor_cores=True, gpu=gpu) == expected


@pytest.mark.parametrize(
    ("m", "n", "k", "expected"),
    [
        (1, 64, 4096, 8),  # 64 steps of 64 inputs, 8 a part at least
        (1, 64, 16384, 16),  # more parts are never made
        (1, 64 * 50, 4096, 2),  # 50 programs: two parts each occupy 100 of 132
        (1, 64 * 100, 4096, 1),
        (128 * 70, 64, 4096, 1),
        (64 * 10, 64, 4096, 8),
        (1, 64, 900, 1),
        (1, 64, 1024, 2),
    ],
)
def test_small_problems_are_split(m, n, k, expected):
    packed = pack(torch.ones(n, k, dtype=torch.float16))
    assert tiling(m, packed, tensor_cores=True).splits == expected
