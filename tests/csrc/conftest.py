"""References in float64, rounding bounds, and one call that runs nodes on the compiled engine."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sparseprune import _cpu

UNIT = 2.0**-24  # float32 rounds to nearest within this, relatively


def gamma(steps):
    """Relative error of `steps` float32 roundings in a row (Higham 2002, lemma 3.1)."""
    return steps * UNIT / (1 - steps * UNIT)


def pair(value):
    return (value, value) if np.isscalar(value) else tuple(value)


def convolve(x, weight, bias=None, stride=1, dilation=1, pad_begin=0, pad_end=0):
    """Convolution of N x C x H x W by O x C x KH x KW in float64."""
    stride, dilation, begin, end = map(pair, (stride, dilation, pad_begin, pad_end))
    x = np.asarray(x, np.float64)
    x = np.pad(x, ((0, 0), (0, 0), (begin[0], end[0]), (begin[1], end[1])))
    weight = np.asarray(weight, np.float64)
    extent = [
        (x.shape[2 + a] - (weight.shape[2 + a] - 1) * dilation[a] - 1) // stride[a] + 1
        for a in (0, 1)
    ]
    out = np.zeros((x.shape[0], weight.shape[0], *extent))
    for ky in range(weight.shape[2]):
        for kx in range(weight.shape[3]):
            top, left = ky * dilation[0], kx * dilation[1]
            seen = x[:, :, top :: stride[0], left :: stride[1]][..., : extent[0], : extent[1]]
            out += np.einsum("nchw,oc->nohw", seen, weight[:, :, ky, kx])
    return out if bias is None else out + np.asarray(bias, np.float64)[:, None, None]


def convolve_bound(x, weight, bias=None, **window):
    """Bound on the float32 error: gamma_k (|W| * |x| + |b|), k = additions in a row + epilogue."""
    taps = int(np.count_nonzero(weight.reshape(weight.shape[0], -1), axis=1).max())
    magnitude = convolve(
        np.abs(x), np.abs(weight), None if bias is None else np.abs(bias), **window
    )
    return gamma(taps + 5) * magnitude  # products may round apart; 4 chains join; bias


def max_pool(x, kernel, stride=1, pad_begin=0, pad_end=0):
    kernel, stride, begin, end = map(pair, (kernel, stride, pad_begin, pad_end))
    x = np.pad(x, ((0, 0), (0, 0), (begin[0], end[0]), (begin[1], end[1])), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel, (2, 3))
    return windows[:, :, :: stride[0], :: stride[1]].max((4, 5))


def run(nodes, arrays, outputs=None, *, isa="", threads=1, inputs=None):
    """Outputs of the nodes, written over NaN; by default the last node's output alone."""
    inputs = list(range(len(arrays))) if inputs is None else inputs
    outputs = [len(nodes) + len(arrays) - 1] if outputs is None else outputs
    program = _cpu.Program(nodes, inputs, outputs, isa)
    return run_program(program, arrays, threads=threads)


def run_program(program, arrays, *, threads=1):
    shapes = program.output_shapes([list(array.shape) for array in arrays])
    results = [np.full(shape, np.nan, np.float32) for shape in shapes]
    program.run(arrays, results, threads=threads)
    return results if len(results) > 1 else results[0]


def floats(rng, *shape):
    return rng.standard_normal(shape, dtype=np.float32)


def integers(rng, *shape, most=3):
    """Small integers: float32 sums of their products are exact."""
    return rng.integers(-most, most + 1, shape).astype(np.float32)


def pruned(rng, weight, density, block=1):
    """`weight` with a random part kept, in blocks of `block` output channels."""
    rows = -(-weight.shape[0] // block)
    keep = np.repeat(rng.random((rows, *weight.shape[1:])) < density, block, axis=0)
    return np.where(keep[: weight.shape[0]], weight, 0).astype(np.float32)


def assert_within(found, expected, bound):
    excess = np.abs(found - expected) - bound
    assert not np.isnan(found).any(), "values were not written"
    assert (excess <= 0).all(), f"off by {excess.max():.3g} more than the rounding bound allows"


@pytest.fixture(params=_cpu.available_isas())
def isa(request):
    return request.param


@pytest.fixture
def rng():
    return np.random.default_rng(20240229)


@pytest.fixture(scope="session")
def engine():
    """The helpers above, for test modules (which cannot import each other)."""
    return SimpleNamespace(
        gamma=gamma,
        convolve=convolve,
        convolve_bound=convolve_bound,
        max_pool=max_pool,
        run=run,
        run_program=run_program,
        floats=floats,
        integers=integers,
        pruned=pruned,
        assert_within=assert_within,
    )


@pytest.fixture(scope="session")
def check_builds(load):
    return load(Path(__file__).with_name("check_builds.py"))


@pytest.fixture(scope="session")
def graphs(load):
    """Random networks, run on the engine and in float64, and written for graphs_check.cpp."""
    names = ("graph_forms", "graph_reference", "random_graphs")
    forms, reference, networks = (load(Path(__file__).with_name(f"{name}.py")) for name in names)

    def program(network, isa):
        nodes = [forms.to_engine(node) for node in network.nodes]
        return _cpu.Program(nodes, [0], network.outputs, isa)

    def expected(network, x):
        values = reference.evaluate(network.nodes, [x])
        return [values[i] for i in network.outputs]

    def write(path, count, samples):
        """`count` networks, each with `samples` inputs and what is expected."""
        with path.open("wb") as file:
            for seed in range(count):
                network = networks.Network(seed)
                inputs = [network.input() for _ in range(samples)]
                runs = [(x, expected(network, x)) for x in inputs]
                file.write(forms.case_bytes(network.nodes, network.outputs, runs))

    def run_listed(program, x, threads=1):
        return run_program(program, [x], threads=threads)

    return SimpleNamespace(
        Network=networks.Network, program=program, expected=expected, run=run_listed, write=write
    )
