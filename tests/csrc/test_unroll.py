"""Convolutions of maps of a few positions, which may run as products with the flattened map."""

import numpy as np
import pytest

from sparseprune import _cpu

PAD = {"pad_begin": (1, 1), "pad_end": (1, 1)}
KERNELS = {
    "padded": ((3, 3), PAD),
    "strided": ((3, 3), {**PAD, "stride": (2, 2)}),
    "dilated": ((3, 3), {"dilation": (2, 1), "pad_begin": (2, 0), "pad_end": (2, 2)}),
    "uneven": ((2, 3), {"pad_begin": (0, 2), "pad_end": (1, 0), "stride": (1, 2)}),
    "point": ((1, 1), {}),
}
SIZES = [(1, 1), (1, 2), (2, 2), (3, 2), (4, 4), (5, 5)]


def is_unrolled(program, shape):
    """Convolutions have tiles to tune, products with vectors have none."""
    return len(program.tune([shape], 1.0).splitlines()) == 1


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("density", "block"), [(0.1, 1), (0.2, 4), (1.0, 1)])
def test_answers_lie_within_the_bounds(isa, kernel, size, density, block, engine, rng):
    taps, window = KERNELS[kernel]
    x, bias = engine.floats(rng, 3, 40, *size), engine.floats(rng, 36)
    weight = engine.pruned(rng, engine.floats(rng, 36, 40, *taps), density, block)
    nodes = [_cpu.conv("c", 0, 1, weight, bias, **window)]
    engine.assert_within(
        engine.run(nodes, [x], [1], isa=isa),
        engine.convolve(x, weight, bias, **window),
        engine.convolve_bound(x, weight, bias, **window),
    )


@pytest.mark.parametrize("density", [0.05, 0.2, 1.0])
def test_a_map_of_one_position_is_a_vector(isa, density, engine, rng):
    weight = engine.pruned(rng, engine.floats(rng, 128, 128, 3, 3), density)
    program = _cpu.Program([_cpu.conv("c", 0, 1, weight, **PAD)], [0], [1], isa)
    assert is_unrolled(program, [1, 128, 1, 1])


def test_four_positions_are_a_vector_where_they_leave_lanes_empty(isa, engine, rng):
    weight = engine.pruned(rng, engine.floats(rng, 128, 128, 3, 3), 0.1)
    program = _cpu.Program([_cpu.conv("c", 0, 1, weight, **PAD)], [0], [1], isa)
    assert is_unrolled(program, [1, 128, 2, 2]) == (_cpu.lanes(isa) == 16)
    assert not is_unrolled(program, [1, 128, 8, 8])


def test_batches_fill_lanes_with_images(isa, engine, rng):
    weight = engine.pruned(rng, engine.floats(rng, 64, 64, 3, 3), 0.1)
    program = _cpu.Program([_cpu.conv("c", 0, 1, weight, **PAD)], [0], [1], isa)
    assert not is_unrolled(program, [_cpu.lanes(isa), 64, 1, 1])


@pytest.fixture
def network(engine, rng):
    """A map of 4 x 4 shrinks to 2 x 2; every kind of reader behind convolutions. Sums are exact."""
    a, b, c = (
        engine.pruned(rng, engine.integers(rng, *shape, most=1), 0.1)
        for shape in [(64, 8, 3, 3), (64, 64, 3, 3), (32, 64, 3, 3)]
    )
    nodes = [
        _cpu.conv("a", 0, 1, a, stride=(2, 2), **PAD),
        _cpu.relu("r", 1, 2),
        _cpu.conv("b", 2, 3, b, **PAD),
        _cpu.conv("c", 3, 4, c, **PAD),
        _cpu.max_pool("p", 3, 5, (2, 2), **PAD),
        _cpu.add("s", 3, 2, 6),
        _cpu.concat("j", [3, 4], 7),
        _cpu.flatten("f", 3, 8),
        _cpu.global_average_pool("g", 4, 9, keep_dims=False),
    ]
    return nodes, engine.integers(rng, 20, 8, 4, 4)


def test_neighbours_of_any_layout(isa, network, engine):
    """Twenty images at once, in lanes, and one by one."""
    nodes, x = network
    outputs = [4, 5, 6, 7, 8, 9]
    together = engine.run(nodes, [x], outputs, isa=isa)
    for i in range(len(x)):
        for single, whole in zip(
            engine.run(nodes, [x[i : i + 1]], outputs, isa=isa), together, strict=True
        ):
            np.testing.assert_array_equal(single, whole[i : i + 1])


def test_channels_may_come_and_go_last(isa, engine, rng):
    weight = engine.pruned(rng, engine.integers(rng, 64, 64, 3, 3, most=1), 0.1)
    x = engine.integers(rng, 1, 64, 2, 2)
    nodes = [_cpu.conv("c", 0, 1, weight, **PAD)]
    expected = engine.run(nodes, [x], [1], isa=isa)
    last = {"channels_last_inputs": [True], "channels_last_outputs": [True]}
    program = _cpu.Program(nodes, [0], [1], isa, **last)
    found = engine.run_program(program, [np.ascontiguousarray(x.transpose(0, 2, 3, 1))])
    np.testing.assert_array_equal(found.transpose(0, 3, 1, 2), expected)


@pytest.mark.parametrize("groups", [2, 8, 64])
def test_groups_see_their_own_channels(isa, groups, engine, rng):
    """A layer in groups is a layer whose other weights are zero."""
    weight = engine.pruned(rng, engine.integers(rng, 64, 64 // groups, 3, 3, most=2), 0.3)
    full = np.zeros((64, 64, 3, 3), np.float32)
    for row in range(64):
        first = row // (64 // groups) * (64 // groups)
        full[row, first : first + 64 // groups] = weight[row]
    x = engine.integers(rng, 1, 64, 2, 1)
    np.testing.assert_array_equal(
        engine.run([_cpu.conv("c", 0, 1, weight, groups=groups, **PAD)], [x], [1], isa=isa),
        engine.run([_cpu.conv("c", 0, 1, full, **PAD)], [x], [1], isa=isa),
    )


def test_a_skipped_weight_carries_no_nan(isa, engine, rng):
    weight = engine.pruned(rng, engine.floats(rng, 64, 64, 3, 3), 0.1)
    x = engine.floats(rng, 1, 64, 2, 2)
    x[0, 5, 0, 1] = np.nan
    found = engine.run([_cpu.conv("c", 0, 1, weight, **PAD)], [x], [1], isa=isa)
    reached = np.zeros((1, 64, 2, 2), bool)
    for row in range(64):
        for y in range(2):
            for column in range(2):
                reached[0, row, y, column] = weight[row, 5, 1 - y, 2 - column] != 0
    np.testing.assert_array_equal(np.isnan(found), reached)
