"""Fixtures of all tests."""

import functools
import importlib.util
import multiprocessing
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest


def pytest_configure():
    """Ctrl-C reaches what tests start, also where a shell ran pytest in its background without."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup():
    """One table of translations serves all exports of a session.

    torch.onnx.export writes the table anew each time, which takes half of a small network's export;
    it adds to it only what callers give it, and nothing of ours gives any.
    """
    module = sys.modules.get("torch.onnx._internal.exporter._registration")
    registry = module and module.ONNXRegistry
    if registry and not hasattr(registry.from_torchlib, "cache_info"):
        registry.from_torchlib = staticmethod(functools.cache(registry.from_torchlib))


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """No test sees what the user's own networks were tuned to, nor adds to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARSEPRUNE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def load():
    """Imports a helper module by its path: test modules cannot import each other."""

    def import_file(path):
        name = "_".join(("sparseprune_tests", path.parent.name, path.stem))
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        return module

    return import_file


@pytest.fixture(scope="session")
def interpreted():
    """Call what can be pickled where Triton interprets kernels, on CPU tensors.

    Triton chooses between compiler and interpreter when it is imported, for the whole process. So
    the interpreter gets a process of its own and no other test is affected. Tensors reach it in
    shared memory: what it writes, or writes beside, is seen here.
    """
    pytest.importorskip("triton")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as worker:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("TRITON_INTERPRET", "1")
            worker.submit(os.getpid).result()
        yield lambda function, *args, **options: worker.submit(function, *args, **options).result()


@pytest.fixture(scope="session")
def faulty_library(tmp_path_factory, load) -> Path:
    """A provider library whose packed weights are partly flipped, for SPARSEPRUNE_ORT_LIBRARY.

    It takes effect in processes that have not registered the provider yet.
    """
    module = load(Path(__file__).parent / "ort" / "faulty_library.py")
    return module.build(tmp_path_factory.mktemp("faulty_library"))
