"""Tuning inside runs: in slices, so that Ctrl-C is answered, and with the answers of any run."""

import signal
import subprocess
import sys
import threading

import numpy as np
import onnxruntime as ort
import pytest

from sparseprune import onnxruntime

X = np.ones((1, 8, 12, 12), np.float32)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The user's cache, empty."""
    monkeypatch.setenv("SPARSEPRUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def model(networks):
    net = networks.Network()
    value, channels = net.input("x", ["batch", 8, "height", "width"]), 8
    for layer in range(12):
        weight = networks.sparse(np.random.default_rng(layer), (64 + layer, channels, 3, 3), 0.8)
        value, channels = net.add("Conv", value, weight, pads=[1] * 4), 64 + layer
    return net.serialize(value)


@pytest.fixture(scope="module")
def expected(model):
    session = onnxruntime.session(model, provider="sparseprune", threads=1)
    return session.run(None, {"x": X})[0]


def entries(path):
    return len(path.read_text().splitlines()[1:])


def tuning_session(model, path, seconds=1.0, threads=1):
    return onnxruntime.session(
        model, provider="sparseprune", threads=threads, tune_seconds=seconds, tuning_file=path
    )


INTERRUPTED = """
import sys
import numpy as np
from sparseprune import onnxruntime

model, tuning = sys.argv[1:]
session = onnxruntime.session(
    model, provider="sparseprune", threads=1, tune_seconds=600, tuning_file=tuning
)
x = np.ones((1, 8, 64, 64), np.float32)  # whose tiles take a minute to try
print("ready", flush=True)
try:
    session.run(None, {"x": x})
except KeyboardInterrupt:
    print("after", len(open(tuning).read()), flush=True)
"""


def test_ctrl_c_ends_the_tuning(model, tmp_path, cache):
    """What is found is written at the end, so an empty file says that the end was not reached."""
    path, tuning = tmp_path / "net.onnx", tmp_path / "tuning.txt"
    path.write_bytes(model)
    command = [sys.executable, "-c", INTERRUPTED, path, tuning]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):  # it tunes
            process.wait(0.5)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert output == "after 0\n"
    assert process.returncode == 0
    assert not cache.exists()
    assert sorted(tmp_path.iterdir()) == [path, tuning]


def test_a_run_that_was_interrupted_can_be_run_again(model, expected, tmp_path, monkeypatch):
    """As if Ctrl-C came between the first slices."""
    path = tmp_path / "tuning.txt"
    session = tuning_session(model, path)
    inner, left = session._sess, [2]

    class Interrupted:
        def __getattr__(self, name):
            return getattr(inner, name)

        def run(self, *arguments):
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
            return inner.run(*arguments)

    monkeypatch.setattr(session, "_sess", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        session.run(None, {"x": X})
    assert path.read_text() == ""
    np.testing.assert_allclose(session.run(None, {"x": X})[0], expected, rtol=1e-4, atol=1e-4)
    assert entries(path) > 0


def run_async(session):
    done, results = threading.Event(), []

    def callback(outputs, data, error):
        results.extend([outputs, data, error])
        done.set()

    session.run_async(None, {"x": X}, callback, "data")
    assert done.wait(60)
    assert results[1:] == ["data", ""]
    return results[0][0]


def run_binding(session):
    binding = session.io_binding()
    binding.bind_cpu_input("x", X)
    binding.bind_output(session.get_outputs()[0].name)
    session.run_with_iobinding(binding)
    return binding.copy_outputs_to_cpu()[0]


@pytest.mark.parametrize(
    "run",
    [
        lambda session: session.run(None, {"x": X})[0],
        lambda session: session.run(None, {"x": X}, ort.RunOptions())[0],
        lambda session: session.run_with_ort_values(
            None, {"x": ort.OrtValue.ortvalue_from_numpy(X)}
        )[0].numpy(),
        run_binding,
        run_async,
    ],
    ids=["run", "run_with_options", "ort_values", "binding", "async"],
)
def test_every_way_to_run_tunes_to_the_end(model, expected, tmp_path, run, monkeypatch):
    monkeypatch.setattr(onnxruntime, "SLICE_SECONDS", 0.02)
    path = tmp_path / "tuning.txt"
    session = tuning_session(model, path, seconds=0.4, threads=2)  # asynchronous runs demand two
    assert isinstance(session, ort.InferenceSession)
    np.testing.assert_allclose(run(session), expected, rtol=1e-4, atol=1e-4)
    assert entries(path) > 0


def test_other_errors_are_raised(model, tmp_path):
    session = tuning_session(model, tmp_path / "tuning.txt", seconds=0.1)
    with pytest.raises(Exception, match=r"Got invalid dimensions|Invalid rank"):
        session.run(None, {"x": X[0]})


def test_only_sessions_that_tune_are_of_another_class(model):
    assert type(onnxruntime.session(model)) is ort.InferenceSession


def test_a_slice_is_checked(model):
    options = onnxruntime.quiet_options()
    onnxruntime.session(model)  # registers the library
    devices = [d for d in ort.get_ep_devices() if d.ep_name == onnxruntime.PROVIDER]
    options.add_provider_for_devices(devices, {"tune_slice": "soon"})
    with pytest.raises(Exception, match="option tune_slice must be a number from 0 to 3600"):
        ort.InferenceSession(model, options, enable_fallback=0)
