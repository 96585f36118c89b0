"""Sessions of the provider at run time: shapes, errors, numbers that are not finite, threads."""

import gc
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from sparseprune import onnxruntime

WEIGHT = np.array([[0, 2, 0], [0, 0, -1]], np.float32)


@pytest.fixture
def linear(networks):
    net = networks.Network()
    return net.serialize(net.add("Gemm", net.input("x", ["N", 3]), WEIGHT, transB=1))


def images(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_shape_may_change_from_run_to_run(residual, assert_within):
    session = onnxruntime.session(residual, provider="sparseprune")
    for shape in [(1, 3, 9, 9), (4, 3, 16, 5), (1, 3, 9, 9), (2, 3, 33, 40), (1, 3, 3, 3)]:
        assert_within(session, residual, {"x": images(0, *shape)})


def test_empty_batch(residual):
    session = onnxruntime.session(residual, provider="sparseprune")
    (y,) = session.run(None, {"x": images(0, 0, 3, 9, 9)})
    assert y.shape == (0, 8)


def test_input_smaller_than_the_window_is_an_error_that_names_the_node(residual):
    session = onnxruntime.session(residual, provider="sparseprune")
    with pytest.raises(Exception, match=r"Conv 'Conv_0'.*2.*3|Conv 'Conv_0'.*3.*2"):
        session.run(None, {"x": images(0, 1, 3, 2, 9)})


def test_wrong_element_type_is_an_error(residual):
    session = onnxruntime.session(residual, provider="sparseprune")
    with pytest.raises(Exception, match="Unexpected input data type"):
        session.run(None, {"x": images(0, 1, 3, 9, 9).astype(np.float64)})


def test_a_failed_run_does_not_spoil_the_next(residual, assert_within):
    session = onnxruntime.session(residual, provider="sparseprune")
    with pytest.raises(Exception, match="Conv_0"):
        session.run(None, {"x": images(0, 1, 3, 2, 2)})
    assert_within(session, residual, {"x": images(0, 1, 3, 9, 9)})


def test_structural_zeros_do_not_spread_nan(linear):
    """The documented difference: 0 * NaN is NaN for the CPU provider, absent for ours."""
    x = np.array([[np.nan, 1, 3], [1, np.inf, 1]], np.float32)
    (ours,) = onnxruntime.session(linear, provider="sparseprune").run(None, {"x": x})
    (theirs,) = onnxruntime.session(linear, provider="cpu").run(None, {"x": x})
    np.testing.assert_array_equal(ours, [[2, -3], [np.inf, -1]])
    assert np.isnan(theirs).any()


def test_many_threads_share_a_session(residual, run_all):
    session = onnxruntime.session(residual, provider="sparseprune", threads=2)
    inputs = [images(seed, 1 + seed % 3, 3, 9 + seed % 5, 12) for seed in range(8)]
    expected = [session.run(None, {"x": x})[0] for x in inputs]

    def run(k):
        return np.array_equal(session.run(None, {"x": inputs[k % 8]})[0], expected[k % 8])

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(run, range(240)))


def test_threads_open_sessions_at_once(residual):
    def open_and_run(_):
        session = onnxruntime.session(residual, provider="sparseprune", threads=1)
        return session.run(None, {"x": images(1, 1, 3, 9, 9)})[0]

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(open_and_run, range(16)))
    assert all(np.array_equal(results[0], other) for other in results)


def test_sessions_come_and_go(residual):
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    def many(count):
        for _ in range(count):
            session = onnxruntime.session(residual, provider="sparseprune", threads=1)
            session.run(None, {"x": images(0, 1, 3, 9, 9)})
        del session
        gc.collect()

    many(10)
    before = resident()
    many(60)
    # A leak of one packed network per session would be more than 60 x 30 KB of arenas and weights.
    assert resident() - before < 1_500_000


def test_number_of_threads_does_not_change_the_answer(residual):
    x = {"x": images(3, 2, 3, 40, 40)}
    answers = [
        onnxruntime.session(residual, provider="sparseprune", threads=count).run(None, x)[0]
        for count in (1, 2, 3)
    ]
    assert all(np.array_equal(answers[0], other) for other in answers)


@pytest.mark.parametrize("option", [{"min_sparsity": "two"}, {"min_sparsity": "1.5"}])
def test_a_bad_option_is_an_error(option, linear):
    onnxruntime.session(linear, provider="sparseprune")
    devices = [d for d in ort.get_ep_devices() if d.ep_name == onnxruntime.PROVIDER]
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.add_provider_for_devices(devices, option)
    with pytest.raises(Exception, match="option min_sparsity must be a number from 0 to 1, got"):
        ort.InferenceSession(linear, options, enable_fallback=0)


def test_unknown_instruction_set_is_an_error(linear, monkeypatch):
    monkeypatch.setenv("SPARSEPRUNE_ISA", "mmx")
    with pytest.raises(onnxruntime.InputError, match="instruction set 'mmx'"):
        onnxruntime.session(linear, provider="sparseprune")


def test_forked_and_fresh_processes(linear, tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(linear)
    script = f"""
        import os, sys
        import numpy as np
        from sparseprune import onnxruntime

        def run():
            session = onnxruntime.session({str(model)!r}, provider="sparseprune", threads=1)
            return session.run(None, {{"x": np.ones((1, 3), np.float32)}})[0].tolist()

        if os.fork() == 0:  # before anything is registered
            os._exit(run() != [[2.0, -1.0]])
        assert run() == [[2.0, -1.0]]
        if os.fork() == 0:  # the child inherits the registration
            os._exit(run() != [[2.0, -1.0]])
        assert os.wait()[1] == 0 and os.wait()[1] == 0
        assert "torch" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=60)
