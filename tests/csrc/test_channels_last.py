"""Maps that lie as N x H x W x C outside the network."""

import numpy as np
import pytest

from sparseprune import _cpu

ONES = {"pad_begin": (1, 1), "pad_end": (1, 1)}


def last(x):
    return np.ascontiguousarray(np.moveaxis(x, 1, 3))


def run(engine, nodes, arrays, outputs, isa, inputs_last, outputs_last):
    program = _cpu.Program(
        nodes,
        list(range(len(arrays))),
        outputs,
        isa,
        channels_last_inputs=inputs_last,
        channels_last_outputs=outputs_last,
    )
    return engine.run_program(program, arrays)


@pytest.mark.parametrize("batch", [1, 3, 16, 33])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (16, 16)], ids=str)
@pytest.mark.parametrize("channels", [1, 3, 20])
def test_input_and_output(isa, batch, size, channels, engine, rng):
    """One input of each kind; one value given out both ways."""
    a, b = (engine.integers(rng, batch, channels, *size) for _ in "ab")
    weight = engine.integers(rng, 19, channels, 3, 3)
    nodes = [_cpu.add("s", 0, 1, 2), _cpu.conv("c", 2, 3, weight, **ONES)]
    found = run(engine, nodes, [last(a), b], [3, 2, 3], isa, [True], [True, True, False])
    expected = engine.convolve(a + b, weight, **ONES)
    np.testing.assert_array_equal(found[0], last(expected))
    np.testing.assert_array_equal(found[1], last(a + b))
    np.testing.assert_array_equal(found[2], expected)


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("size", [(1, 1), (4, 6)], ids=str)
def test_every_reader_of_an_input(isa, batch, size, engine, rng):
    """Flattened, averaged, joined, resized and given back: each sees the channels in order."""
    x = engine.integers(rng, batch, 3, *size)
    nodes = [
        _cpu.flatten("f", 0, 1),
        _cpu.global_average_pool("g", 0, 2),
        _cpu.concat("c", [0, 0], 3),
        _cpu.resize("r", 0, 4, (3, 5), "nearest"),
        _cpu.resize("b", 0, 5, (2 * size[0], 2 * size[1]), "bilinear"),
    ]
    plain = engine.run(nodes, [x], [1, 2, 3, 4, 5], isa=isa)
    found = run(engine, nodes, [last(x)], [0, 0, 1, 2, 3, 4, 5], isa, [True], [False, True])
    np.testing.assert_array_equal(found[0], x)
    np.testing.assert_array_equal(found[1], last(x))
    for a, b in zip(found[2:], plain, strict=True):
        np.testing.assert_array_equal(a, b)


def test_shapes_are_given_as_they_lie():
    nodes = [_cpu.conv("c", 0, 1, np.ones((4, 3, 3, 3), np.float32))]
    program = _cpu.Program(
        nodes, [0], [1], channels_last_inputs=[True], channels_last_outputs=[True]
    )
    assert program.output_shapes([[2, 8, 9, 3]]) == [[2, 6, 7, 4]]


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ([True], [], r"input 0: only a map can have its channels last, got \[2, 6\]"),
        ([], [True], r"output 0: only a map can have its channels last, got \[2, 6\]"),
        ([False, True], [], "expected channels-last flags for 1 graph inputs, got 2"),
        ([], [False, True], "expected channels-last flags for 1 graph outputs, got 2"),
    ],
)
def test_refusals(inputs, outputs, message):
    nodes = [_cpu.relu("r", 0, 1)]
    with pytest.raises(ValueError, match=message):
        _cpu.Program(
            nodes, [0], [1], channels_last_inputs=inputs, channels_last_outputs=outputs
        ).output_shapes([[2, 6]])
