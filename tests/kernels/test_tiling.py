import importlib

import pytest
import torch

from sparseprune.kernels.grouped_weight import pack

pytest.importorskip("triton")
tiling = importlib.import_module("sparseprune.kernels.tiling").tiling


@pytest.mark.parametrize("tensor_cores", [True, False])
@pytest.mark.parametrize("rows", [16, 32, 64, 128])
@pytest.mark.parametrize("m", [1, 16, 17, 64, 65, 128, 5000])
def test_tiling_fits_the_smallest_gpu(m, rows, tensor_cores):
    packed = pack(torch.ones(rows, 32), rows=rows)
    block_m, warps, stages, splits = tiling(m, packed, tensor_cores=tensor_cores)
    assert block_m in {16, 32, 64, 128}
    assert block_m < 2 * max(m, 16)
    assert block_m * rows <= 64 * 32 * warps
    assert 2 <= stages <= 4
    assert splits == 1
    assert stages * (block_m + rows) * 128 <= 96 * 1024


@pytest.mark.parametrize(
    ("m", "n", "k", "expected"),
    [
        (1, 64, 4096, 8),  # 64 steps of 64 inputs, 8 a part at least
        (1, 64, 16384, 16),  # more parts are never made
        (1, 64 * 50, 4096, 2),  # 50 programs: two parts each occupy 100 of 132
        (1, 64 * 100, 4096, 1),
        (128 * 70, 64, 4096, 1),
        (128 * 10, 64, 4096, 8),
        (1, 64, 900, 1),
        (1, 64, 1024, 2),
    ],
)
def test_small_problems_are_split(m, n, k, expected):
    packed = pack(torch.ones(n, k, dtype=torch.float16))
    assert tiling(m, packed, tensor_cores=True).splits == expected
