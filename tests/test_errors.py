"""What is missing is named with the extra that brings it."""

from importlib import metadata
from pathlib import Path

import pytest

from sparseprune.errors import EXTRAS, how_to_install

tomllib = pytest.importorskip("tomllib")  # from Python 3.11 on
PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("yaml", "cli,onnx"),
        ("onnx.checker", "cli,onnx"),
        ("torch", "train"),
        ("jinja2", "report"),
        ("something_new", "all"),
        (None, "all"),
    ],
)
def test_the_extra_that_is_needed(module, extra):
    assert how_to_install(module).endswith(f"run: pip install 'sparseprune[{extra}]'")


@pytest.mark.parametrize("module", EXTRAS)
def test_extras_bring_their_packages(module):
    listed = PROJECT["project"]["optional-dependencies"][EXTRAS[module]]
    names = {requirement.partition(">")[0].partition("[")[0] for requirement in listed}
    distributions = metadata.packages_distributions().get(module, [])
    if not distributions:
        pytest.skip(f"{module} is not installed")
    assert names & {name.lower() for name in distributions}
