import importlib

import pytest
import torch

from sparseprune.kernels.grouped_conv_weight import pack_conv

pytest.importorskip("triton")
launch = importlib.import_module("sparseprune.kernels.launch")
conv = importlib.import_module("sparseprune.kernels.grouped_conv")
plan = importlib.import_module("sparseprune.kernels.grouped_plan").plan


@pytest.mark.parametrize(
    ("shape", "stride", "expected"),
    [
        ((2**31,), (1,), True),
        ((2**30,), (1,), False),
        ((2, 3), (2**31, 1), True),
        ((1, 3), (2**31, 1), False),  # an axis of one element is never walked along
        ((2**16, 2**15), (0, 1), False),
    ],
)
def test_offsets_need_64_bits_where_memory_is_far(shape, stride, expected):
    tensor = torch.empty_strided(shape, stride, device="meta")
    assert launch.is_wide(None, tensor) == expected


@pytest.mark.parametrize(("images", "expected"), [(600, False), (800, True)])
def test_large_batches_are_planned_with_64_bits(images, expected):
    """Of 2^31 elements or more in x; y has half as many."""
    packed = pack_conv(torch.ones(32, 64, 1, 1)).to("meta")
    x = torch.empty(images, 224, 224, 64, device="meta").permute(0, 3, 1, 2)
    y = torch.empty(images, 224, 224, 32, device="meta").permute(0, 3, 1, 2)
    pairs = (1, 1), (0, 0), (1, 1)
    (planned,) = plan(conv.describe(x, packed, None, None, *pairs, y, 0, "identity", False))
    assert planned.constants["WIDE"] == expected


def test_only_the_interpreter_is_given_float32_for_bfloat16(monkeypatch):
    monkeypatch.setattr(launch, "INTERPRETED", True)
    types = (torch.bfloat16, torch.float16, torch.float32)
    assert [launch.upcast(dtype) for dtype in types] == [True, False, False]
    monkeypatch.setattr(launch, "INTERPRETED", False)
    assert not launch.upcast(torch.bfloat16)
