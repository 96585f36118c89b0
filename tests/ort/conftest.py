"""Helpers of this folder."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from sparseprune import onnxruntime


@pytest.fixture(scope="session")
def networks(load):
    return load(Path(__file__).with_name("networks.py"))


@pytest.fixture(scope="session")
def reference(load):
    return load(Path(__file__).with_name("reference.py"))


@pytest.fixture(scope="session")
def run_all():
    """Run a session, giving {output name: array}."""

    def run(session, feeds):
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, feeds), strict=True))

    return run


@pytest.fixture(scope="session")
def assert_within(reference, run_all):
    """A session's outputs lie within the float32 bounds around the exact ones."""

    def check(session, model, feeds):
        found = run_all(session, feeds)
        for name, (value, bound) in reference.evaluate(model, feeds).items():
            assert found[name].shape == value.shape, name
            assert found[name].dtype == np.float32
            excess = np.abs(found[name] - value) - bound * (1 + 1e-6)
            assert excess.max(initial=0) <= 0, f"{name}: {excess.max()} beyond its bound"

    return check


@pytest.fixture(scope="session")
def assert_close(run_all):
    """With our provider a model answers as without; test_differential has the bounds.

    Here a wrong operation would be far off, and nodes are among them that `reference` lacks.
    """

    def check(model, feeds, *, min_sparsity=0, options=None):
        ours = onnxruntime.session(
            model, provider="sparseprune", min_sparsity=min_sparsity, options=options
        )
        found = run_all(ours, feeds)
        expected = run_all(onnxruntime.session(model, provider="cpu"), feeds)
        for name, array in expected.items():
            assert found[name].shape == array.shape
            np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-4)

    return check


@pytest.fixture(scope="session")
def plain_options():
    """Makes options without graph optimisation: the provider sees the nodes as written."""

    def make():
        options = onnxruntime.quiet_options()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        return options

    return make


@pytest.fixture(scope="session")
def claims():
    """(claimed, total) nodes of a session of the provider; needs ONNX Runtime 1.27.

    By sparsity, unless asked otherwise: no provider could gain anything on networks this small.
    """

    def count(model, *, min_sparsity=0.5, **arguments):
        session = onnxruntime.session(
            model, provider="sparseprune", threads=1, min_sparsity=min_sparsity, **arguments
        )
        found = onnxruntime.assignment(session)
        if found is None:
            pytest.skip("this ONNX Runtime does not record the assignment of nodes")
        return found

    return count


@pytest.fixture
def residual(networks):
    """A small residual network of which every node is claimed."""
    net = networks.Network()
    rng = np.random.default_rng(5)
    x = net.input("x", ["N", 3, "H", "W"])
    x = net.add("Relu", net.add("Conv", x, networks.sparse(rng, (8, 3, 3, 3), 0.6)))
    same = {"pads": [1, 1, 1, 1]}
    y = net.add("Conv", x, networks.sparse(rng, (8, 8, 3, 3), 0.9), **same)
    pooled = net.add("GlobalAveragePool", net.add("Add", y, x))
    return net.serialize(net.add("Flatten", pooled))


@pytest.fixture
def run_script(residual, tmp_path):
    """Runs a script of this folder, or a text, in a process of its own; gives what it prints.

    Its arguments are a model of `residual` and then those given. Dying or hanging is a failure.
    """
    model = tmp_path / "residual.onnx"
    model.write_bytes(residual)

    def run(script, *arguments, timeout=60, **environment):
        given = [script] if isinstance(script, Path) else ["-c", textwrap.dedent(script)]
        done = subprocess.run(
            [sys.executable, *given, model, *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture
def decisions(tmp_path):
    """What the provider decided about each node of a model, in execution order."""

    def decide(model, **arguments):
        path = tmp_path / "explained"
        path.unlink(missing_ok=True)
        onnxruntime.session(model, provider="sparseprune", explain=path, **arguments)
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        return [row for row in rows if row["event"] == "node"]

    return decide


@pytest.fixture(scope="session")
def files(load):
    return load(Path(__file__).with_name("compact_files.py"))


@pytest.fixture(scope="session")
def with_operators():
    """Opens a model with our custom operators and no provider of ours."""

    def open_session(model, threads=2):
        options = onnxruntime.quiet_options()
        options.intra_op_num_threads = threads
        options.register_custom_ops_library(str(onnxruntime.library_path()))
        providers = ["CPUExecutionProvider"]
        return ort.InferenceSession(model, options, providers=providers, enable_fallback=0)

    return open_session
