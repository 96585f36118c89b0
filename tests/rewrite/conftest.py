"""Graphs that several modules slim."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def graphs(load):
    return load(Path(__file__).with_name("slim_graphs.py"))
