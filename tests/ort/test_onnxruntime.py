"""sparseprune.onnxruntime: registration, arguments, messages, life without the library."""

import logging
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from sparseprune import onnxruntime
from sparseprune.errors import InputError


@pytest.fixture
def model(networks):
    net = networks.Network()
    w = networks.sparse(np.random.default_rng(0), (4, 3, 3, 3), 0.8)
    return net.serialize(net.add("Conv", net.input("x", ["N", 3, 8, 8]), w))


@pytest.fixture
def x():
    return {"x": np.ones((1, 3, 8, 8), np.float32)}


def run_fresh(script, **environment):
    """Run a script in a fresh interpreter; gives what it printed and logged."""
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_a_session_is_an_ordinary_one(model, x):
    session = onnxruntime.session(model)
    assert type(session) is ort.InferenceSession
    assert [i.name for i in session.get_inputs()] == ["x"]
    assert session.get_inputs()[0].shape == ["N", 3, 8, 8]
    (y,) = session.run(None, x)
    assert y.shape == (1, 4, 6, 6)


@pytest.mark.parametrize("kind", [str, Path, Path.read_bytes])
def test_a_model_may_be_a_path_or_bytes(kind, model, x, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(model)
    given = kind(path)
    expected = onnxruntime.session(model).run(None, x)[0]
    np.testing.assert_array_equal(onnxruntime.session(given).run(None, x)[0], expected)


def test_the_library_is_registered_once(model):
    for _ in range(3):
        onnxruntime.session(model)
    assert [d.ep_name for d in ort.get_ep_devices()].count(onnxruntime.PROVIDER) == 1


def test_a_registration_of_the_users_own_is_used():
    run_fresh(
        """
        import onnxruntime as ort
        from sparseprune import onnxruntime

        ort.register_execution_provider_library("mine", str(onnxruntime.library_path()))
        assert onnxruntime.status()["loads"]
        names = [device.ep_name for device in ort.get_ep_devices()]
        assert names.count(onnxruntime.PROVIDER) == 1
        """
    )


def test_the_device_tells_vendor_and_version():
    assert onnxruntime.status()["loads"]
    assert onnxruntime.status()["route"] == "provider"
    (device,) = (d for d in ort.get_ep_devices() if d.ep_name == onnxruntime.PROVIDER)
    assert device.ep_vendor == "sparseprune"
    import sparseprune

    assert device.ep_metadata["version"] == sparseprune.__version__


@pytest.mark.parametrize("provider", ["auto", "sparseprune"])
def test_sparse_layers_run_in_our_provider(provider, model):
    session = onnxruntime.session(model, provider=provider)
    assert onnxruntime.assignment(session) in [(1, 1), None]
    assert session.get_providers()[0] == onnxruntime.PROVIDER


def test_cpu_means_the_cpu_provider_alone(model):
    session = onnxruntime.session(model, provider="cpu")
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert onnxruntime.assignment(session) in [(0, 1), None]


def test_assignment_is_unknown_where_it_was_not_recorded(model):
    assert onnxruntime.assignment(ort.InferenceSession(model)) is None
    assert onnxruntime.assignment(object()) is None


def test_threads_and_options_are_used(model):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.session(model, threads=2, options=options)
    assert session.get_session_options().intra_op_num_threads == 2
    assert options.graph_optimization_level == ort.GraphOptimizationLevel.ORT_DISABLE_ALL


def test_options_may_be_used_again(model, x):
    options = ort.SessionOptions()
    first = onnxruntime.session(model, provider="sparseprune", options=options)
    second = onnxruntime.session(model, provider="sparseprune", options=options)
    assert onnxruntime.assignment(first) == onnxruntime.assignment(second)
    np.testing.assert_array_equal(first.run(None, x)[0], second.run(None, x)[0])


def test_a_missing_library_leaves_the_cpu_provider(tmp_path, model):
    path = tmp_path / "model.onnx"
    path.write_bytes(model)
    script = f"""
        import logging
        logging.basicConfig(format="%(levelname)s %(message)s")
        from sparseprune import onnxruntime
        session = onnxruntime.session({str(path)!r})
        assert session.get_providers() == ["CPUExecutionProvider"]
        assert onnxruntime.status()["loads"] is False
        try:
            onnxruntime.session({str(path)!r}, provider="sparseprune")
        except onnxruntime.InputError as error:
            print(error)
    """
    done = run_fresh(script, SPARSEPRUNE_ORT_LIBRARY=str(tmp_path / "missing.so"))
    assert "library is not at" in done.stdout
    assert "SPARSEPRUNE_ORT_LIBRARY" in done.stdout
    assert done.stderr.startswith("WARNING the sparse execution provider's library is not at")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"not a library"])
def test_a_library_that_does_not_load_says_why(content, tmp_path):
    library = tmp_path / "broken.so"
    library.write_bytes(content)
    script = "from sparseprune import onnxruntime; print(onnxruntime.status()['reason'])"
    done = run_fresh(script, SPARSEPRUNE_ORT_LIBRARY=str(library))
    assert "cannot load the sparse execution provider's library" in done.stdout
    assert "broken.so" in done.stdout


@pytest.fixture
def old_runtime(monkeypatch):
    """Makes this ONNX Runtime say that it is another version, of before plugin providers."""

    class OldRuntime:
        SessionOptions = ort.SessionOptions
        InferenceSession = ort.InferenceSession

    def pretend(version):
        monkeypatch.setattr(OldRuntime, "__version__", version, raising=False)
        monkeypatch.setattr(onnxruntime.routes, "onnxruntime", lambda: OldRuntime)

    return pretend


def test_plain_files_run_dense_before_plugin_providers(model, old_runtime, caplog):
    old_runtime("1.22.1")
    assert onnxruntime.status()["route"] == "custom operators"
    message = (
        r"1\.22\.1 runs only files of the compact form sparse, and >= 1\.23\.1 every pruned file; "
    )
    message += "export the model with form='compact', or upgrade with: pip install -U onnxruntime"
    with pytest.raises(InputError, match=message):
        onnxruntime.session(model, provider="sparseprune")
    with caplog.at_level(logging.WARNING):
        session = onnxruntime.session(model)
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert re.search(message, caplog.text)
    assert "runs on ONNX Runtime's CPU provider alone" in caplog.text


def test_an_onnxruntime_too_old_for_either_is_named(model, old_runtime):
    old_runtime("1.16.3")
    message = r"needs onnxruntime >= 1\.23\.1, or >= 1\.17 for files .*, got 1\.16\.3; upgrade it"
    with pytest.raises(InputError, match=message):
        onnxruntime.session(model, provider="sparseprune")
    assert onnxruntime.session(model).get_providers() == ["CPUExecutionProvider"]
    status = onnxruntime.status()
    assert (status["loads"], status["route"]) == (False, None)
    assert re.search(message, status["reason"])


def test_no_onnxruntime_is_named(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match="needs the package onnxruntime, which is not installed"):
        onnxruntime.session(model)
    assert onnxruntime.status()["onnxruntime"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"provider": "gpu"}, "expected provider 'auto', 'cpu' or 'sparseprune', got 'gpu'"),
        ({"threads": 0}, "expected a number of threads from 1 to 4096, or None, got 0"),
        ({"threads": 10**30}, "expected a number of threads from 1 to 4096"),
        ({"threads": 1.5}, "expected a number of threads .* got 1.5"),
        ({"min_sparsity": 1.5}, "expected min_sparsity to be a number from 0 to 1, got 1.5"),
        ({"min_sparsity": float("nan")}, "expected min_sparsity .* got nan"),
        ({"min_sparsity": "0.5"}, "expected min_sparsity .* got '0.5'"),
        ({"tuning_file": 5}, "expected tuning_file to be a path or None, got 5"),
        ({"explain": b"x"}, "expected explain to be a path or None, got b'x'"),
        ({"explain": ""}, "expected explain to be a path or None, got ''"),
    ],
)
def test_wrong_arguments(arguments, message, model):
    with pytest.raises(InputError, match=message):
        onnxruntime.session(model, **arguments)


def test_a_model_must_be_a_path_or_bytes():
    with pytest.raises(InputError, match="expected a path or the bytes of an ONNX model, got int"):
        onnxruntime.session(3)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"expected an ONNX file at .*absent\.onnx, but there is"):
        onnxruntime.session(tmp_path / "absent.onnx")
    with pytest.raises(InputError, match="there is no such file"):
        onnxruntime.session(tmp_path)


def damaged(model):
    rng = np.random.default_rng(0)
    return {
        "empty": b"",
        "text": b"PK\x03\x04 this is something else entirely",
        "random": rng.bytes(500),
        "cut in half": model[: len(model) // 2],
        "cut at the end": model[:-3],
    }


@pytest.mark.parametrize("damage", ["empty", "text", "random", "cut in half", "cut at the end"])
@pytest.mark.parametrize("as_file", [True, False])
def test_damaged_models_are_one_clear_sentence(damage, as_file, model, tmp_path, capfd):
    content = damaged(model)[damage]
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    name = r"damaged\.onnx" if as_file else f"the model of {len(content)} bytes"
    expected = f"expected an ONNX model, but .*{name} is truncated or something else; export it"
    with pytest.raises(InputError, match=expected) as caught:
        onnxruntime.session(path if as_file else content)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert capfd.readouterr() == ("", "")


def test_flipped_bytes_never_crash(model):
    """Whatever a damaged file does, it is a session that runs, or an InputError."""
    rng = np.random.default_rng(1)
    outcomes = {"opened": 0, "refused": 0}
    for _ in range(150):
        content = bytearray(model)
        for position in rng.integers(len(content), size=rng.integers(1, 4)):
            content[position] = rng.integers(256)
        try:
            onnxruntime.session(bytes(content), threads=1, min_sparsity=0)
            outcomes["opened"] += 1
        except InputError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 10, outcomes


def test_an_unknown_operator_is_named(networks):
    net = networks.Network()
    model = net.serialize(net.add("NoSuchOperator", net.input("x", ["N", 3])))
    with pytest.raises(InputError, match=r"ONNX Runtime cannot run the model .*NoSuchOperator"):
        onnxruntime.session(model)


@pytest.mark.parametrize("provider", ["cpu", "sparseprune"])
def test_an_invalid_graph_is_an_error_from_both_providers(provider, networks):
    net = networks.Network()
    x = net.input("x", [1, 3, 8, 8])
    model = net.serialize(net.add("Conv", x, np.zeros((4, 5, 3, 3), np.float32)))
    # ONNX Runtime's CPU provider accepts it, and explains it when it runs; ours leaves it alone.
    session = onnxruntime.session(model, provider=provider)
    with pytest.raises(Exception, match="Input channels C is not equal to kernel channels"):
        session.run(None, {"x": np.zeros((1, 3, 8, 8), np.float32)})
