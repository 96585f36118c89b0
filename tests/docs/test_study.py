"""docs/study.md: the tests it names exist, and its totals are those of the recipes."""

import ast
import re
from pathlib import Path

import pytest

from sparseprune import recipe

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "study.md").read_text()
POINTS = re.findall(r"^\| (\d+)\. .*? \| (.*) \|$", PAGE, re.MULTILINE)


def functions(path):
    return {node.name for node in ast.parse(path.read_text()).body if hasattr(node, "name")}


def test_there_are_ten_points():
    assert [int(number) for number, _ in POINTS] == list(range(1, 11))


@pytest.mark.parametrize(("number", "cell"), POINTS)
def test_the_tests_of_every_point_exist(number, cell):
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", cell)
    assert len(named) == cell.count("`") // 2 > 1
    for path, name in named:
        assert name in functions(ROOT / path), f"{path}::{name}"


def test_the_totals_are_those_of_the_recipes():
    told = {}
    for names, networks, epochs in re.findall(r"^\| (`.*?) \| (\d.*?) \| (\d.*?) \|$", PAGE, re.M):
        numbers = [int(re.sub(r"\D", "", cell)) for cell in (networks, epochs)]
        told.update(dict.fromkeys(re.findall("`(.*?)`", names), numbers))
    found = {}
    for path in (ROOT / "recipes" / "lost-in-pruning").glob("*.yaml"):
        settings = recipe.load(path)
        cycles = sum(len(entry.ratios) for entry in settings.prune)
        epochs = settings.train.epochs + cycles * settings.retrain.epochs
        seeds = len(settings.sweep.seeds)
        found[path.stem] = [seeds * (1 + cycles), seeds * epochs]
    assert told == found
