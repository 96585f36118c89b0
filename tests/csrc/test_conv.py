"""Convolutions of every geometry against float64, within computed bounds."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparseprune import _cpu

GEOMETRIES = {
    "same_3x3": {"pad_begin": (1, 1), "pad_end": (1, 1)},
    "valid_3x3": {},
    "stride_2": {"stride": (2, 2), "pad_begin": (1, 1), "pad_end": (1, 1)},
    "stride_2_asymmetric": {"stride": (2, 2), "pad_begin": (0, 0), "pad_end": (1, 1)},
    "stride_3": {"stride": (3, 3), "pad_begin": (1, 1), "pad_end": (1, 1)},
    "stride_1x2": {"stride": (1, 2), "pad_begin": (1, 1), "pad_end": (1, 1)},
    "stride_3x1": {"stride": (3, 1), "pad_begin": (2, 0), "pad_end": (0, 2)},
    "dilation_2": {"dilation": (2, 2), "pad_begin": (2, 2), "pad_end": (2, 2)},
    "dilation_1x3": {"dilation": (1, 3), "pad_begin": (1, 3), "pad_end": (1, 3)},
    "wide_padding": {"pad_begin": (4, 3), "pad_end": (5, 6)},
}


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
@pytest.mark.parametrize("size", [(9, 11), (14, 14), (5, 31)], ids=str)
def test_geometry(isa, geometry, size, engine, rng):
    x, bias = engine.floats(rng, 2, 5, *size), engine.floats(rng, 7)
    weight = engine.pruned(rng, engine.floats(rng, 7, 5, 3, 3), 0.3)
    found = engine.run([_cpu.conv("c", 0, 1, weight, bias, **geometry)], [x], isa=isa)
    engine.assert_within(
        found,
        engine.convolve(x, weight, bias, **geometry),
        engine.convolve_bound(x, weight, bias, **geometry),
    )


@pytest.mark.parametrize("kernel", [(1, 1), (1, 5), (5, 1), (2, 2), (7, 7)], ids=str)
@pytest.mark.parametrize("stride", [1, 2])
def test_kernel_sizes(isa, kernel, stride, engine, rng):
    window = {"stride": (stride, stride), "pad_begin": (kernel[0] // 2, kernel[1] // 2)}
    x = engine.floats(rng, 1, 3, 13, 10)
    weight = engine.pruned(rng, engine.floats(rng, 4, 3, *kernel), 0.5)
    found = engine.run([_cpu.conv("c", 0, 1, weight, **window)], [x], isa=isa)
    expected = engine.convolve(x, weight, **window)
    engine.assert_within(found, expected, engine.convolve_bound(x, weight, **window))


@pytest.mark.parametrize("block", [1, 2, 4, 8])
@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize("height", [1, 2, 3, 4])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 6, 7, 8])
def test_tile_sizes(isa, block, stride, height, width, engine, rng):
    """Map tiles of many heights and widths, as the engine cuts them (kernels_check.cpp has all)."""
    across = 4 if _cpu.lanes(isa) == 16 else 2
    down = _cpu.lanes(isa) // across
    size = (height * down * stride, width * across * stride)
    weight = engine.pruned(rng, engine.integers(rng, 10, 3, 3, 3) + 5, 0.4, block)
    x = engine.integers(rng, 1, 3, *size)
    window = {"stride": (stride, stride), "pad_begin": (1, 1), "pad_end": (1, 1)}
    found = engine.run([_cpu.conv("c", 0, 1, weight, **window)], [x], isa=isa)
    np.testing.assert_array_equal(found, engine.convolve(x, weight, **window))


@pytest.mark.parametrize("shares", [(0.5, 0.3, 0.2), (0.3, 0, 0.5), (0, 0.6, 0.1)], ids=str)
def test_mixed_blocks(isa, shares, engine, rng):
    """Blocks of eight, four and two rows, what is left over, and single rows at the end."""
    keep = np.zeros((29, 5, 3, 3), bool)
    for rows, share in zip((8, 4, 2), shares, strict=True):
        blocks = rng.random((-(-29 // rows), 5, 3, 3)) < share
        keep |= np.repeat(blocks, rows, axis=0)[:29]
    keep ^= rng.random(keep.shape) < 0.05
    weight = np.where(keep, engine.integers(rng, *keep.shape) + 5, 0)
    x, bias = engine.integers(rng, 1, 5, 12, 12), engine.integers(rng, 29)
    found = engine.run([_cpu.conv("c", 0, 1, weight, bias)], [x], isa=isa)
    np.testing.assert_array_equal(found, engine.convolve(x, weight, bias))


@pytest.mark.parametrize(("groups", "inner", "outer"), [(2, 3, 8), (5, 1, 2), (37, 1, 1)])
@pytest.mark.parametrize("size", [(6, 7), (40, 40)], ids=str)
def test_groups(isa, groups, inner, outer, size, engine, rng):
    """Equal to one convolution whose weights between groups are zero."""
    weight = engine.pruned(rng, engine.integers(rng, groups * outer, inner, 3, 3) + 4, 0.6)
    dense = np.zeros((groups * outer, groups * inner, 3, 3))
    for g in range(groups):
        rows, columns = slice(g * outer, (g + 1) * outer), slice(g * inner, (g + 1) * inner)
        dense[rows, columns] = weight[rows]
    x, bias = engine.integers(rng, 1, groups * inner, *size), engine.integers(rng, groups * outer)
    window = {"stride": (2, 1), "pad_begin": (1, 1), "pad_end": (1, 1)}
    found = engine.run([_cpu.conv("c", 0, 1, weight, bias, groups=groups, **window)], [x], isa=isa)
    np.testing.assert_array_equal(found, engine.convolve(x, dense, bias, **window))


def test_threads_share_unequal_rows(isa, engine, rng):
    """A map of one tile, all weights in a few rows."""
    weight = engine.pruned(rng, engine.integers(rng, 203, 40, 3, 3, most=1), 0.02)
    weight[90:100] = 1
    x, bias = engine.integers(rng, 1, 40, 8, 8, most=1), engine.integers(rng, 203)
    window = {"pad_begin": (1, 1), "pad_end": (1, 1)}
    nodes = [_cpu.conv("c", 0, 1, weight, bias, **window)]
    expected = engine.convolve(x, weight, bias, **window)
    for threads in (1, 3):
        found = engine.run(nodes, [x], isa=isa, threads=threads)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("density", [0.0, 0.02, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("channels", [1, 3, 4, 18])
def test_density(isa, density, channels, engine, rng):
    """From empty layers (the bias alone) over nearly dense ones to layers without a zero."""
    weight = engine.pruned(rng, engine.integers(rng, channels, 6, 3, 3) + 4, density)
    x, bias = engine.integers(rng, 1, 6, 8, 8), engine.integers(rng, channels)
    window = {"pad_begin": (1, 1), "pad_end": (1, 1)}
    found = engine.run([_cpu.conv("c", 0, 1, weight, bias, **window)], [x], isa=isa)
    np.testing.assert_array_equal(found, engine.convolve(x, weight, bias, **window))


def test_empty_rows_between_full_ones(isa, engine, rng):
    weight = engine.integers(rng, 9, 4, 3, 3) + 5
    weight[[0, 4, 5, 8]] = 0
    x, bias = engine.integers(rng, 1, 4, 7, 7), engine.integers(rng, 9)
    found = engine.run([_cpu.conv("c", 0, 1, weight, bias)], [x], isa=isa)
    np.testing.assert_array_equal(found, engine.convolve(x, weight, bias))


@pytest.mark.parametrize("channels", [300, 1030])
def test_input_channel_blocks(isa, channels, engine, rng):
    """More input channels than fit the cache, or 16-bit offsets, are summed block by block."""
    weight = engine.pruned(rng, engine.integers(rng, 5, channels, 3, 3, most=1), 0.1)
    x = engine.integers(rng, 1, channels, 24, 24, most=1)
    window = {"pad_begin": (1, 1), "pad_end": (1, 1)}
    found = engine.run([_cpu.conv("c", 0, 1, weight, **window)], [x], isa=isa)
    np.testing.assert_array_equal(found, engine.convolve(x, weight, **window))


def test_taps_beyond_sixteen_bits(isa, engine, rng):
    """One channel whose dilated kernel reaches further than 65 535 vectors."""
    x = engine.integers(rng, 1, 1, 2100, 700)
    weight = engine.integers(rng, 1, 1, 3, 3) + 4
    window = {"dilation": (1000, 300)}
    found = engine.run([_cpu.conv("c", 0, 1, weight, **window)], [x], isa=isa)
    np.testing.assert_array_equal(found, engine.convolve(x, weight, **window))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_convolution(engine, data):
    """Random geometry, density and batch on every instruction set; small integers, so exactly."""
    whole = st.integers
    seed = data.draw(whole(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    kernel, stride, dilation = (
        tuple(data.draw(whole(1, most)) for _ in "yx") for most in (4, 3, 2)
    )
    begin, end = (tuple(data.draw(whole(0, 3)) for _ in "yx") for _ in "be")
    reach = [(kernel[a] - 1) * dilation[a] + 1 - begin[a] - end[a] for a in (0, 1)]
    size = [data.draw(whole(max(1, reach[a]), 24)) for a in (0, 1)]
    density, block = data.draw(st.sampled_from([0.1, 0.5, 1.0])), data.draw(whole(1, 4))
    batch, inner, outer = data.draw(whole(1, 33)), data.draw(whole(1, 6)), data.draw(whole(1, 9))
    weight = engine.pruned(rng, engine.integers(rng, outer, inner, *kernel) + 5, density, block)
    x, bias = engine.integers(rng, batch, inner, *size), engine.integers(rng, outer)
    window = {"stride": stride, "dilation": dilation, "pad_begin": begin, "pad_end": end}
    expected = engine.convolve(x, weight, bias, **window)
    for isa in _cpu.available_isas():
        found = engine.run([_cpu.conv("c", 0, 1, weight, bias, **window)], [x], isa=isa)
        np.testing.assert_array_equal(found, expected)
