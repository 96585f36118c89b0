"""Fixtures of all tests."""

import importlib.util
import sys
from pathlib import Path

import pytest


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
def faulty_library(tmp_path_factory, load) -> Path:
    """A provider library whose packed weights are partly flipped, for SPARSEPRUNE_ORT_LIBRARY.

    It takes effect in processes that have not registered the provider yet.
    """
    module = load(Path(__file__).parent / "ort" / "faulty_library.py")
    return module.build(tmp_path_factory.mktemp("faulty_library"))
