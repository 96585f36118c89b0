"""Fixtures of all tests."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """No test sees what the user's own networks were tuned to, nor adds to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARSEPRUNE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def faulty_library(tmp_path_factory) -> Path:
    """A provider library whose packed weights are partly flipped, for SPARSEPRUNE_ORT_LIBRARY.

    It takes effect in processes that have not registered the provider yet.
    """
    source = Path(__file__).parent / "ort" / "faulty_library.py"
    spec = importlib.util.spec_from_file_location("sparseprune_tests_faulty_library", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.build(tmp_path_factory.mktemp("faulty_library"))
