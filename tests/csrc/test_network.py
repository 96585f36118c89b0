"""Whole networks: residual blocks, batches, threads, changing shapes, reused workspaces."""

import threading

import numpy as np
import pytest

from sparseprune import _cpu

ONES = {"pad_begin": (1, 1), "pad_end": (1, 1)}


class Residual:
    """conv-relu, then blocks conv-relu-conv + shortcut, relu; average; linear. Small integers."""

    def __init__(self, engine, rng, widths=(4, 6, 9), density=0.3, most=1):
        self.engine, self.rng, self.most, self.density = engine, rng, most, density
        self.nodes, self.steps, self.values = [], [], 1
        x = self.relu(self.conv(0, 2, widths[0], 3, 1))
        for inner, outer in zip((widths[0], *widths), widths, strict=False):
            stride = 1 if inner == outer else 2
            y = self.conv(self.relu(self.conv(x, inner, outer, 3, stride)), outer, outer, 3, 1)
            shortcut = x if stride == 1 else self.conv(x, inner, outer, 1, stride)
            x = self.relu(self.add(y, shortcut))
        self.features = x
        self.head = self.engine.integers(self.rng, 5, widths[-1], most=2)
        pooled = self.emit(_cpu.global_average_pool, x, keep_dims=False)
        self.logits = self.emit(_cpu.linear, pooled, self.head)

    def emit(self, make, *arguments, **options):
        count = 2 if make is _cpu.add else 1
        values, rest = arguments[:count], arguments[count:]
        made, self.values = self.values, self.values + 1
        self.nodes.append(make(f"n{made}", *values, made, *rest, **options))
        return made

    def conv(self, x, inner, outer, kernel, stride):
        weight = self.engine.integers(self.rng, outer, inner, kernel, kernel, most=self.most)
        weight = self.engine.pruned(self.rng, weight, self.density)
        window = {"stride": (stride, stride)} | (ONES if kernel == 3 else {})
        made = self.emit(_cpu.conv, x, weight, **window)
        self.steps.append((made, lambda v: self.engine.convolve(v[x], weight, **window)))
        return made

    def relu(self, x):
        made = self.emit(_cpu.relu, x)
        self.steps.append((made, lambda v: np.maximum(v[x], 0)))
        return made

    def add(self, a, b):
        made = self.emit(_cpu.add, a, b)
        self.steps.append((made, lambda v: v[a] + v[b]))
        return made

    def program(self, isa):
        return _cpu.Program(self.nodes, [0], [self.features, self.logits], isa)

    def reference(self, x):
        """Features and logits; the features are integers float32 holds exactly."""
        values = {0: np.asarray(x, np.float64)}
        for made, step in self.steps:
            values[made] = step(values)
        features = values[self.features]
        assert np.abs(features).max() < 2**24, "the test's integers grew beyond float32"
        return features, features.mean((2, 3)) @ self.head.T


def check(engine, net, results, x):
    features, logits = net.reference(x)
    np.testing.assert_array_equal(results[0], features)
    mean = np.abs(features).mean((2, 3)) @ np.abs(net.head).T
    area = features.shape[2] * features.shape[3]
    steps = area + features.shape[1] + 6
    engine.assert_within(results[1], logits, engine.gamma(steps) * mean)


@pytest.mark.parametrize("batch", [*range(1, 10), 15, 16, 17, 31, 32, 33])
def test_batches(isa, batch, engine, rng):
    net = Residual(engine, rng)
    x = engine.integers(rng, batch, 2, 14, 14)
    check(engine, net, engine.run_program(net.program(isa), [x]), x)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 7), (12, 30), (33, 17)], ids=str)
@pytest.mark.parametrize("batch", [1, 20])
def test_sizes(isa, size, batch, engine, rng):
    net = Residual(engine, rng)
    x = engine.integers(rng, batch, 2, *size)
    check(engine, net, engine.run_program(net.program(isa), [x]), x)


def test_maps_too_large_for_images_in_lanes(isa, engine, rng):
    net = Residual(engine, rng)
    x = engine.integers(rng, 17, 2, 72, 72)
    check(engine, net, engine.run_program(net.program(isa), [x]), x)


@pytest.mark.parametrize("threads", [2, 3, 40])
@pytest.mark.parametrize("batch", [1, 3, 40])
def test_threads_change_nothing(isa, threads, batch, engine, rng):
    """Wide enough that layers are shared among tasks, not only images."""
    net = Residual(engine, rng, widths=(32, 64))
    x = engine.integers(rng, batch, 2, 16, 16)
    program = net.program(isa)
    alone = engine.run_program(program, [x])
    together = engine.run_program(program, [x], threads=threads)
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)


def test_threads_share_a_linear_layer(isa, engine, rng):
    weight = engine.pruned(rng, engine.integers(rng, 600, 800), 0.6)
    x = engine.integers(rng, 1, 800)
    found = engine.run([_cpu.linear("l", 0, 1, weight)], [x], isa=isa, threads=2)
    np.testing.assert_array_equal(found, x.astype(np.float64) @ weight.T)


def test_many_shapes_in_turn(isa, engine, rng):
    """More input shapes than plans are kept, twice over."""
    net = Residual(engine, rng)
    program = net.program(isa)
    for size in [*range(4, 16), *range(4, 16)]:
        x = engine.integers(rng, 1, 2, size, size + 1)
        check(engine, net, engine.run_program(program, [x]), x)


@pytest.mark.parametrize("batch", [1, 16])
def test_a_poisoned_workspace(isa, batch, engine, rng):
    """A run leaves nothing behind for the next: the first fills every buffer with NaN."""
    net = Residual(engine, rng, density=1.0)
    program = net.program(isa)
    shape = (batch, 2, 9, 9)
    poisoned = engine.run_program(program, [np.full(shape, np.nan, np.float32)])
    assert np.isnan(poisoned[1]).all()
    x = engine.integers(rng, *shape)
    check(engine, net, engine.run_program(program, [x]), x)


def test_runs_at_the_same_time(engine, rng):
    net = Residual(engine, rng)
    program = net.program("")
    inputs = [engine.integers(rng, n, 2, 10 + n, 10) for n in range(1, 7)]
    failures = []

    def work(x):
        try:
            for _ in range(5):
                check(engine, net, engine.run_program(program, [x]), x)
        except AssertionError as error:
            failures.append(error)

    workers = [threading.Thread(target=work, args=(x,)) for x in inputs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures


@pytest.mark.parametrize("size", [0, 1])
def test_an_empty_batch(isa, size, engine, rng):
    net = Residual(engine, rng)
    features, logits = engine.run_program(net.program(isa), [np.zeros((0, 2, 8, 8), np.float32)])
    assert features.shape == (0, 9, 2, 2)
    assert logits.shape == (0, 5)


def test_two_inputs(isa, engine, rng):
    a, b = engine.integers(rng, 3, 2, 9, 9), engine.integers(rng, 3, 4, 9, 9)
    wa, wb = engine.integers(rng, 5, 2, 3, 3), engine.integers(rng, 5, 4, 1, 1)
    nodes = [_cpu.conv("a", 0, 2, wa, **ONES), _cpu.conv("b", 1, 3, wb), _cpu.add("s", 2, 3, 4)]
    expected = engine.convolve(a, wa, **ONES) + engine.convolve(b, wb)
    np.testing.assert_array_equal(engine.run(nodes, [a, b], isa=isa), expected)
