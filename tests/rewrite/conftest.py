"""Graphs that several modules rewrite."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def graphs(load):
    return load(Path(__file__).with_name("slim_graphs.py"))


@pytest.fixture(scope="session")
def nets(load):
    return load(Path(__file__).with_name("compact_graphs.py"))
