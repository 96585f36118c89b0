"""Compact files run by our custom operators: right answers from every encoding and window."""

import threading

import numpy as np
import onnxruntime as ort
import pytest

from sparseprune import onnxruntime

CONVS, LINEARS = ("SparseConv", "BitmaskConv"), ("SparseLinear", "BitmaskLinear")
# Name: (shape of the input, shape of the weight, attributes).
WINDOWS = {
    "pointwise": ((2, 6, 5, 5), (8, 6, 1, 1), {}),
    "same": ((1, 3, 9, 11), (4, 3, 3, 3), {"pads": [1, 1, 1, 1]}),
    "valid": ((3, 3, 9, 11), (4, 3, 3, 3), {}),
    "strided": ((2, 4, 12, 9), (5, 4, 3, 3), {"strides": [2, 3], "pads": [1, 0, 0, 1]}),
    "dilated": ((2, 4, 12, 12), (5, 4, 3, 3), {"dilations": [2, 3], "pads": [2, 3, 2, 3]}),
    "uneven": ((1, 2, 10, 7), (3, 2, 5, 2), {"pads": [0, 1, 3, 0]}),
    "groups": ((2, 8, 7, 7), (6, 4, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
    "depthwise": ((2, 8, 7, 7), (8, 1, 3, 3), {"group": 8}),
    "batch of 20": ((20, 3, 6, 6), (4, 3, 3, 3), {}),
    "empty batch": ((0, 3, 6, 6), (4, 3, 3, 3), {}),
}
SIGNALS = {
    "plain": ((2, 3, 20), (4, 3, 5), {}),
    "strided": ((1, 3, 21), (4, 3, 3), {"strides": [2], "pads": [1, 0]}),
    "dilated": ((2, 3, 21), (4, 3, 3), {"dilations": [3], "pads": [3, 3]}),
    "groups": ((2, 6, 9), (4, 3, 3), {"group": 2}),
}


def parameters(networks, shape, sparsity=0.7, dtype=np.float32):
    rng = np.random.default_rng(5)
    weight = networks.sparse(rng, shape, sparsity).astype(dtype)
    return weight, rng.standard_normal(shape[0]).astype(np.float32)


def feeds(shape):
    return {"x": np.random.default_rng(6).standard_normal(shape).astype(np.float32)}


@pytest.fixture
def check(reference, with_operators):
    """The custom operator's answers lie within the float32 bounds around the plain network's."""

    def check_answers(compact, plain, given):
        (found,) = with_operators(compact).run(None, given)
        ((value, bound),) = reference.evaluate(plain, given).values()
        assert found.shape == value.shape
        assert (np.abs(found - value) <= bound * (1 + 1e-6)).all()

    return check_answers


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("op", CONVS)
def test_convolutions(op, window, files, networks, check):
    shape, kernel, attributes = WINDOWS[window]
    weight, bias = parameters(networks, kernel)
    axes = ["N", *shape[1:]]
    check(*files.one_layer(networks, op, weight, bias, axes, **attributes), feeds(shape))


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("op", CONVS)
def test_signals(op, signal, files, networks, reference, with_operators):
    """As maps of height one."""
    shape, kernel, attributes = SIGNALS[signal]
    weight, bias = parameters(networks, kernel)
    window = {"strides": [1], "pads": [0, 0], "dilations": [1], "group": 1, **attributes}
    compact, _ = files.one_layer(networks, op, weight, bias, ["N", *shape[1:]], **window)
    before, after = window["pads"]
    flat = {
        "strides": [1, *window["strides"]],
        "dilations": [1, *window["dilations"]],
        "pads": [0, before, 0, after],
        "group": window["group"],
    }
    axes = ["N", shape[1], 1, shape[2]]
    _, plain = files.one_layer(networks, op, weight[:, :, None], bias, axes, **flat)
    given = feeds(shape)
    (found,) = with_operators(compact).run(None, given)
    maps = {"x": given["x"][:, :, None]}
    ((value, bound),) = reference.evaluate(plain, maps).values()
    assert found.shape == value[:, :, 0].shape
    assert (np.abs(found - value[:, :, 0]) <= bound[:, :, 0] * (1 + 1e-6)).all()


@pytest.mark.parametrize("shape", [(1, 24), (37, 24), (0, 24), (2, 5, 24), (2, 3, 4, 24)])
@pytest.mark.parametrize("op", LINEARS)
def test_linear_layers(op, shape, files, networks, check):
    weight, bias = parameters(networks, (10, 24))
    axes = [f"axis{i}" for i in range(len(shape) - 1)] + [24]
    check(*files.one_layer(networks, op, weight, bias, axes), feeds(shape))


@pytest.mark.parametrize("sparsity", [0, 0.3, 0.99, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize(
    ("op", "index"),
    [("SparseConv", np.uint8), ("SparseConv", np.uint16), ("BitmaskConv", None)],
)
def test_encodings(op, index, dtype, sparsity, files, networks, check):
    """Gaps beyond a byte are bridged by stored zeros; without any weight one zero is stored."""
    weight, bias = parameters(networks, (7, 33, 3, 3), sparsity, dtype)
    stored = {} if index is None else {"index": index}
    axes = ["N", 33, "H", "W"]
    model = files.one_layer(networks, op, weight, bias, axes, **stored)
    check(*model, feeds((2, 33, 6, 5)))


def test_half_precision_is_read_exactly(files, networks, with_operators):
    """Every number there is; an infinity or a NaN is a weight like others."""
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = halves[halves != 0]
    weight, bias = halves[:, None], np.zeros(len(halves), np.float32)
    model, _ = files.one_layer(networks, "SparseLinear", weight, bias, ["N", 1])
    (found,) = with_operators(model).run(None, {"x": np.ones((1, 1), np.float32)})
    np.testing.assert_array_equal(found[0], halves.astype(np.float32))


def network(files, networks):
    """(compact, plain) with every operator in it."""
    twins, rng = files.Twins(networks), np.random.default_rng(2)
    x = twins.input(["N", 3, 12, 12])
    for op, shape in (("SparseConv", (8, 3, 3, 3)), ("BitmaskConv", (8, 8, 3, 3))):
        bias = rng.standard_normal(8).astype(np.float32)
        x = twins.layer(op, x, networks.sparse(rng, shape, 0.6), bias, pads=[1, 1, 1, 1])
        x = twins.add("Relu", x)
    x = twins.add("Flatten", twins.add("GlobalAveragePool", x))
    for op in LINEARS:
        bias = rng.standard_normal(8).astype(np.float32)
        x = twins.layer(op, x, networks.sparse(rng, (8, 8), 0.5), bias)
    return twins.serialize(x)


@pytest.mark.parametrize("batch", [1, 3, 17])
def test_a_network_of_all_operators(batch, files, networks, check):
    check(*network(files, networks), feeds((batch, 3, 12, 12)))


@pytest.mark.parametrize("provider", ["auto", "sparseprune", "cpu"])
def test_sessions_of_any_version_run_compact_files(provider, files, networks, reference):
    compact, plain = network(files, networks)
    given = feeds((2, 3, 12, 12))
    options = onnxruntime.quiet_options()
    for _ in range(2):  # the second time the options have all that they need
        session = onnxruntime.session(compact, provider=provider, options=options)
        (found,) = session.run(None, given)
        ((value, bound),) = reference.evaluate(plain, given).values()
        assert (np.abs(found - value) <= bound * (1 + 1e-6)).all()


def test_functions_answer_the_same_without_our_library(files, networks, reference, run_all):
    compact, plain = network(files, networks)
    given = feeds((2, 3, 12, 12))
    session = ort.InferenceSession(compact, providers=["CPUExecutionProvider"])
    (found,) = run_all(session, given).values()
    ((value, bound),) = reference.evaluate(plain, given).values()
    assert (np.abs(found - value) <= bound * (1 + 1e-6)).all()


@pytest.mark.parametrize("op", [*CONVS, *LINEARS])
def test_shapes_are_known_before_anything_runs(op, files, networks, with_operators):
    """Those of inputs without a name for an axis are not: nothing is better than a wrong one."""
    conv = op in CONVS
    weight, bias = parameters(networks, (8, 3, 3, 3) if conv else (8, 3))
    attributes = {"strides": [2, 1], "pads": [1, 0, 1, 0]} if conv else {}

    def shape(*axes):
        model, _ = files.one_layer(
            networks, op, weight, bias, list(axes), functions=False, **attributes
        )
        return with_operators(model).get_outputs()[0].shape

    if conv:
        assert shape("N", 3, 9, 9) == ["N", 8, 5, 7]
        assert shape(4, 3, 9, 9) == [4, 8, 5, 7]
        assert -1 not in shape("N", 3, "H", "W")
        assert -1 not in shape(None, 3, 9, 9)
    else:
        assert shape("N", "T", 3) == ["N", "T", 8]
        assert shape(4, 3) == [4, 8]
        assert -1 not in shape(None, 3)


def test_options_may_be_given_the_operators_twice(files, networks):
    model, _ = network(files, networks)
    options = onnxruntime.quiet_options()
    for _ in range(3):
        options.register_custom_ops_library(str(onnxruntime.library_path()))
        ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def test_many_threads_run_one_session(files, networks, with_operators):
    session = with_operators(network(files, networks)[0])
    given = [feeds((n, 3, 12, 12)) for n in (1, 2, 5)]
    expected = [session.run(None, each)[0] for each in given]
    found = [[] for _ in range(6)]

    def work(index):
        for _ in range(20):
            found[index].append(session.run(None, given[index % 3])[0])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(found))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, answers in enumerate(found):
        assert len(answers) == 20
        assert all(np.array_equal(each, expected[index % 3]) for each in answers)


def test_one_thread_gives_the_answers_of_two(files, networks, with_operators):
    model, _ = network(files, networks)
    given = feeds((3, 3, 12, 12))
    one, two = (with_operators(model, threads=n).run(None, given)[0] for n in (1, 2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("op", "kernel", "shape", "message"),
    [
        ("SparseConv", (4, 3, 3, 3), (1, 3, 8), r"input of rank 4, got \[1, 3, 8\]"),
        ("SparseConv", (4, 3, 3, 3), (1, 5, 8, 8), r"channels"),
        ("SparseConv", (4, 3, 3, 3), (1, 3, 2, 8), r"\[1, 3, 2, 8\]"),
        ("BitmaskLinear", (4, 3), (3,), r"rank 2 or more, got \[3\]"),
        ("BitmaskLinear", (4, 3), (2, 5), r"5"),
    ],
)
def test_shapes_that_do_not_fit_are_errors_of_the_node(
    op, kernel, shape, message, files, networks, with_operators
):
    weight, bias = parameters(networks, kernel)
    model, _ = files.one_layer(networks, op, weight, bias, None, functions=False)
    session = with_operators(model)
    with pytest.raises(Exception, match=rf"{op} '{op}_0'.*{message}"):
        session.run(None, feeds(shape))
