"""Every refusal says which node, what was expected and what came."""

import numpy as np
import pytest

from sparseprune import _cpu

W = np.ones((4, 3, 3, 3), np.float32)
X = np.zeros((1, 3, 8, 8), np.float32)


def conv(**options):
    return _cpu.conv("stem", 0, 1, W, **options)


def program(nodes, inputs=(0,), outputs=(1,)):
    return _cpu.Program(list(nodes), list(inputs), list(outputs))


BAD_GRAPHS = [
    ([conv(stride=(0, 1))], "node 'stem': stride must lie in 1 .. 1073741824, got 0"),
    ([conv(dilation=(1, -1))], "node 'stem': dilation must lie in 1"),
    ([conv(pad_begin=(-1, 0))], "node 'stem': padding must lie in 0"),
    ([conv(pad_end=(0, 2**40))], "node 'stem': padding must lie in 0"),
    (
        [_cpu.conv("stem", 0, 1, W, np.ones(3, np.float32))],
        "node 'stem': expected a bias of 4 values, got 3",
    ),
    ([_cpu.conv("stem", 0, 1, W[:0])], "node 'stem': out_channels must lie in 1"),
    ([_cpu.linear("head", 0, 1, np.ones((2, 0), np.float32))], "'head': in_channels must lie"),
    ([_cpu.relu("r", 5, 1)], "node 'r': reads value 5 before it is made"),
    ([_cpu.relu("r", -1, 1)], "node 'r': reads value -1 before it is made"),
    ([_cpu.relu("r", 1, 1)], "node 'r': reads value 1 before it is made"),
    ([_cpu.relu("r", 0, 0)], "node 'r': cannot write value 0: .* made twice"),
    ([_cpu.relu("r", 0, -3)], "node 'r': cannot write value -3: it is out of range"),
    (
        [_cpu.max_pool("p", 0, 1, (2, 2), pad_begin=(2, 0))],
        "node 'p': pooling needs a padding smaller than its kernel",
    ),
    ([_cpu.max_pool("p", 0, 1, (0, 2))], "node 'p': kernel size must lie in 1"),
    (
        [_cpu.average_pool("p", 0, 1, (2, 2), pad_end=(0, 2), count_padding=True)],
        "node 'p': pooling needs a padding smaller than its kernel",
    ),
    ([_cpu.average_pool("p", 0, 1, (2, 2), stride=(1, 0))], "node 'p': stride must lie in 1"),
    ([conv(groups=0)], "node 'stem': groups must lie in 1 .. 1073741824, got 0"),
    ([conv(groups=-1)], "node 'stem': groups must lie in 1"),
    ([conv(groups=2**40)], "node 'stem': groups must lie in 1"),
    ([conv(groups=2**29)], "node 'stem': in_channels must lie in 1"),
    ([conv(groups=3)], "'stem': 3 groups must divide 9 input channels and 4 output channels"),
    (
        [_cpu.scale("s", 0, 1, np.ones(3, np.float32), np.ones(2, np.float32))],
        "node 's': expected a bias of 3 values, got 2",
    ),
    ([_cpu.concat("c", [], 1)], "node 'c': expected at least 1 input, got 0"),
    ([_cpu.concat("c", [0, 7], 1)], "node 'c': reads value 7 before it is made"),
    ([_cpu.resize("r", 0, 1, (0, 4), "nearest")], "node 'r': output height must lie in 1"),
    ([_cpu.resize("r", 0, 1, (4, 2**31), "nearest")], "node 'r': output width must lie in 1"),
]


@pytest.mark.parametrize(("nodes", "message"), BAD_GRAPHS, ids=[m for _, m in BAD_GRAPHS])
def test_bad_graphs(nodes, message):
    with pytest.raises(ValueError, match=message):
        program(nodes)


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ([0], [], "the graph has no outputs"),
        ([], [1], "reads value 0 before it is made"),
        ([0], [7], "graph output 7 is not made"),
        ([0, 0], [1], "graph input 0 is out of range or repeated"),
        ([-2, 0], [1], "graph input -2 is out of range or repeated"),
    ],
)
def test_bad_inputs_and_outputs(inputs, outputs, message):
    with pytest.raises(ValueError, match=message):
        program([conv()], inputs, outputs)


def test_no_inputs():
    with pytest.raises(ValueError, match="the graph has no inputs"):
        program([], [], [])


BAD_SHAPES = [
    ([conv()], [[1, 5, 8, 8]], r"node 'stem': expected 3 input channels, got input \[1, 5, 8, 8\]"),
    ([conv()], [[1, 3]], r"node 'stem': expected an input of shape \[N, C, H, W\], got \[1, 3\]"),
    (
        [conv(dilation=(4, 1))],
        [[1, 3, 8, 8]],
        r"'stem': its window reaches over 9 positions, but input \[1, 3, 8, 8\] has 8",
    ),
    ([conv()], [[1, 3, 0, 8]], r"input 0: expected a shape .* got \[1, 3, 0, 8\]"),
    ([conv()], [[1, 3, 8]], r"input 0: expected a shape .* got \[1, 3, 8\]"),
    ([conv()], [[1, 3, 2**40, 8]], "input 0: expected a shape"),
    ([conv()], [[2**29, 3, 2**29, 8]], "is too large"),
    ([conv()], [[1, 3, 8, 8]] * 2, "expected 1 inputs, got 2"),
    (
        [_cpu.linear("head", 0, 1, np.ones((2, 6), np.float32))],
        [[1, 5]],
        r"node 'head': expected 6 input features, got input \[1, 5\]",
    ),
    (
        [_cpu.linear("head", 0, 1, np.ones((2, 6), np.float32))],
        [[1, 6, 1, 1]],
        r"node 'head': expected an input of shape \[N, F\]",
    ),
    ([_cpu.global_average_pool("g", 0, 1)], [[1, 6]], r"'g': expected an input of shape \[N, C"),
    ([_cpu.average_pool("p", 0, 1, (1, 1))], [[1, 6]], r"'p': expected an input of shape \[N, C"),
    ([_cpu.resize("r", 0, 1, (4, 4), "nearest")], [[1, 6]], "'r': expected an input of shape"),
    ([_cpu.softmax("s", 0, 1)], [[1, 6, 1, 1]], r"'s': expected an input of shape \[N, F\]"),
    (
        [_cpu.scale("s", 0, 1, np.ones(3, np.float32))],
        [[1, 4]],
        r"node 's': expected 3 channels, got input \[1, 4\]",
    ),
    ([conv(groups=2)], [[1, 3, 8, 8]], r"'stem': expected 6 input channels, got input \[1, 3, 8"),
    (
        [_cpu.resize("r", 0, 1, (2**30, 2**30), "nearest")],
        [[1, 1, 1, 1]],
        r"shape \[1, 1, 1073741824, 1073741824\] is too large",
    ),
]


@pytest.mark.parametrize(
    ("nodes", "shapes", "message"), BAD_SHAPES, ids=[m for *_, m in BAD_SHAPES]
)
def test_bad_shapes(nodes, shapes, message):
    with pytest.raises(ValueError, match=message):
        program(nodes).output_shapes(shapes)


def test_sums_need_equal_shapes():
    nodes = [_cpu.add("sum", 0, 1, 2)]
    with pytest.raises(ValueError, match=r"'sum': expected inputs of one shape, got \[1, 2\] and"):
        program(nodes, [0, 1], [2]).output_shapes([[1, 2], [1, 3]])


@pytest.mark.parametrize("shapes", [[[1, 2, 3, 4], [1, 2, 3, 5]], [[1, 2], [1, 2, 3, 4]]])
def test_what_is_joined_differs_in_channels_only(shapes):
    nodes = [_cpu.concat("join", [0, 1], 2)]
    with pytest.raises(ValueError, match=r"'join': .* differ in their channels only, got \[1, 2"):
        program(nodes, [0, 1], [2]).output_shapes(shapes)


def test_channels_beyond_reach():
    """Doubled until no memory holds an image, in an empty batch too."""
    nodes = [_cpu.concat(f"c{i}", [i, i], i + 1) for i in range(64)]
    with pytest.raises(ValueError, match="is too large"):
        program(nodes, [0], [64]).output_shapes([[0, 8, 8, 8]])


def test_inputs_need_one_batch():
    nodes = [_cpu.relu("a", 0, 2), _cpu.relu("b", 1, 3)]
    arrays = [np.zeros((2, 4), np.float32), np.zeros((3, 4), np.float32)]
    with pytest.raises(ValueError, match="expected inputs of one batch size"):
        program(nodes, [0, 1], [2, 3]).run(arrays, [a.copy() for a in arrays])


@pytest.mark.parametrize("stride", [1, 2**30])
def test_a_map_beyond_the_address_space_is_refused_before_allocation(stride):
    """A small output does not help when its padded input is beyond reach."""
    far = (2**30, 2**30)
    weight = np.ones((1, 1, 1, 1), np.float32)
    nodes = [
        _cpu.conv("stem", 0, 1, weight, stride=(stride, stride), pad_begin=far, pad_end=far),
        _cpu.global_average_pool("mean", 1, 2),
    ]
    with pytest.raises(ValueError, match="is too large"):
        program(nodes, outputs=[2]).run(
            [np.zeros((1, 1, 1, 1), np.float32)], [np.zeros((1, 1, 1, 1), np.float32)]
        )


UNALIGNED = np.frombuffer(bytes(X.nbytes + 1), np.uint8)[1:].view(np.float32).reshape(X.shape)
OUT = np.zeros((1, 4, 6, 6), np.float32)


@pytest.mark.parametrize(
    ("inputs", "outputs", "error", "message"),
    [
        (
            [X.astype(np.float64)],
            [OUT],
            TypeError,
            "input 0 must be a C-contiguous, aligned float32 array",
        ),
        ([X.transpose(0, 1, 3, 2)], [OUT], TypeError, "input 0 must be a C-contiguous, aligned"),
        ([UNALIGNED], [OUT], TypeError, "input 0 must be a C-contiguous, aligned float32 array"),
        (
            [X.astype(">f4")],
            [OUT],
            TypeError,
            "input 0 must be a C-contiguous, aligned float32 array",
        ),
        ([X], [OUT[..., ::2]], TypeError, "output 0 must be a C-contiguous, aligned float32 array"),
        ([X], [OUT[:, :3].copy()], ValueError, r"output 0 must have shape \[1, 4, 6, 6\]"),
        ([X], [], ValueError, "expected 1 output arrays, got 0"),
        ([X], [OUT, OUT], ValueError, "expected 1 output arrays, got 2"),
    ],
)
def test_bad_arrays(inputs, outputs, error, message):
    with pytest.raises(error, match=message):
        program([conv()]).run(inputs, outputs)


def test_read_only_output():
    out = OUT.copy()
    out.flags.writeable = False
    with pytest.raises(ValueError, match="output 0 is read-only"):
        program([conv()]).run([X], [out])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: _cpu.conv("c", 0, 1, W[0]), ValueError, "weight must have 4 dimensions, got 3"),
        (lambda: _cpu.linear("l", 0, 1, W), ValueError, "weight must have 2 dimensions, got 4"),
        (lambda: _cpu.conv("c", 0, 1, W.astype("f8")), TypeError, "weight must be a C-contiguous"),
        (lambda: _cpu.conv("c", 0, 1, W, W), ValueError, "bias must have 1 dimensions, got 4"),
        (lambda: _cpu.scale("s", 0, 1, W), ValueError, "scale must have 1 dimensions, got 4"),
        (
            lambda: _cpu.activation("a", 0, 1, "tanh"),
            ValueError,
            "kind must be one of none, relu, relu6, hard_swish, sigmoid, "
            "hard_sigmoid, silu, got 'tanh'",
        ),
        (
            lambda: _cpu.resize("r", 0, 1, (2, 2), "cubic"),
            ValueError,
            "mode must be one of nearest, bilinear, bilinear_corners, got 'cubic'",
        ),
    ],
)
def test_bad_parameters(make, error, message):
    with pytest.raises(error, match=message):
        make()
