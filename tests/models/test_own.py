"""Own networks by import path: built on the user's word, never on a file's."""

import sys
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from sparseprune import models
from sparseprune.errors import InputError
from sparseprune.models import own

CODE = """
import torch
from torch import nn

print("imported")

class Net(nn.Module):
    def __init__(self, widths, name="a", classes=3):
        super().__init__()
        self.first, self.last = nn.Linear(4, widths[0]), nn.Linear(widths[0], classes)
        self.name = name

    def forward(self, x):
        return self.last(torch.relu(self.first(x.flatten(1))))

    @classmethod
    def wide(cls):
        return cls([64])

def nothing():
    return 3
"""
SHAPE = {"input_shape": (1, 2, 2), "classes": 3}


@dataclass
class Stored:
    model: dict[str, Any]
    state: dict[str, torch.Tensor]
    meta: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes the user's module into the working directory; nothing is allowed before or after."""
    name = f"mine_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(own, "_allowed", set())
    return name


@pytest.fixture
def stored(module):
    """A checkpoint that names the user's network."""
    models.allow(f"{module}:Net")
    state = models.build(f"{module}:Net", **SHAPE, widths=[5]).state_dict()
    own._allowed.clear()
    section = {"name": f"{module}:Net", "options": {"widths": [5]}, "classes": 3}
    return Stored({**section, "input_shape": [1, 2, 2]}, dict(state))


def test_an_allowed_network_is_built_with_options_of_any_type(module):
    models.allow(f"{module}:Net")
    model = models.create(f"{module}:Net", {"widths": [7], "name": "b", "classes": 3}, **SHAPE)
    assert (model.first.out_features, model.name) == (7, "b")
    assert model.training


def test_a_method_may_build_it(module):
    models.allow(f"{module}:Net.wide")
    assert models.build(f"{module}:Net.wide", **SHAPE).first.out_features == 64


def test_nothing_is_imported_without_a_word(module, capsys):
    with pytest.raises(InputError, match=rf"your word before importing .* --allow {module}:Net"):
        models.build(f"{module}:Net", **SHAPE, widths=[7])
    assert capsys.readouterr().out == ""


def test_a_word_for_one_path_is_none_for_another(module):
    models.allow(f"{module}:Net")
    with pytest.raises(InputError, match="expected your word"):
        models.build(f"{module}:Net.wide", **SHAPE)


def test_a_checkpoint_alone_imports_nothing(stored):
    with pytest.raises(InputError, match="expected your word before importing"):
        models.load(stored)


def test_a_recipe_inside_a_checkpoint_is_no_word(stored):
    stored.meta["recipe"] = {"model": {"name": stored.model["name"]}}
    with pytest.raises(InputError, match="expected your word before importing"):
        models.load(stored)


def test_a_checkpoint_is_loaded_on_the_users_word_and_says_what_it_imports(
    stored, module, monkeypatch, caplog
):
    models.allow(stored.model["name"])
    monkeypatch.delitem(sys.modules, module)
    model = models.load(stored)
    assert f"importing {stored.model['name']}" in caplog.text
    assert all(torch.equal(model.state_dict()[key], stored.state[key]) for key in stored.state)
    assert not model.training


def test_a_slim_checkpoint_of_an_own_network_is_resized(stored):
    models.allow(stored.model["name"])
    stored.meta["form"] = "slim"
    stored.state["first.weight"] = stored.state["first.weight"][:2]
    stored.state["first.bias"] = stored.state["first.bias"][:2]
    stored.state["last.weight"] = stored.state["last.weight"][:, :2]
    assert models.load(stored).first.out_features == 2


@pytest.mark.parametrize(
    ("attribute", "changes", "message"),
    [
        ("Net", {}, "makes the network from no arguments, but it said TypeError"),
        ("Missing", {}, "but it said AttributeError"),
        ("nothing", {}, "expected it to return a torch.nn.Module, got int"),
        ("Net", {"widths": [2], "classes_": 1}, "but it said TypeError"),
        ("Net.wide", {"classes": 4}, r"expected logits \[2, 4, ...\] of two pictures, got \[2, 3"),
        ("Net.wide", {"input_shape": (3, 2, 2)}, r"expected it to take pictures \[3, 2, 2\], but"),
    ],
)
def test_what_does_not_fit_is_refused(module, attribute, changes, message):
    models.allow(f"{module}:{attribute}")
    with pytest.raises(InputError, match=message):
        models.build(f"{module}:{attribute}", **{**SHAPE, **changes})


def test_a_module_that_is_not_there_is_refused(module):
    models.allow("not_there_at_all:net")
    with pytest.raises(InputError, match="ModuleNotFoundError: No module named 'not_there_at_all'"):
        models.build("not_there_at_all:net", **SHAPE)


def test_our_own_names_need_no_word(module):
    models.allow("resnet8")
    assert own._allowed == set()
    models.build("resnet8", input_shape=(1, 8, 8), classes=2, width=4)
