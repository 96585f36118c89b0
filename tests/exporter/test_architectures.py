"""Architectures that weights of other tools are loaded into."""

import sys
import textwrap

import pytest
import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.exporter import sources


@pytest.fixture
def weights(tmp_path):
    """Some checkpoint: it is the architecture that is wrong."""
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "model.pt")
    return tmp_path / "model.pt"


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """A module of the user's in the working directory."""
    text = """
        from torch import nn

        class Net(nn.Sequential):
            def __init__(self, width=3):
                super().__init__(
                    nn.Conv1d(2, width, 3), nn.ConvTranspose1d(width, 2, 3), nn.Flatten()
                )

        def number(**_):
            return 3

        def fails():
            raise RuntimeError("no such luck")
    """
    (tmp_path / "own_nets.py").write_text(textwrap.dedent(text))
    monkeypatch.chdir(tmp_path)
    yield "own_nets"
    sys.modules.pop("own_nets", None)


def test_the_users_own_architecture(own_module, tmp_path):
    model = nn.Sequential(nn.Conv1d(2, 4, 3), nn.ConvTranspose1d(4, 2, 3))
    with torch.no_grad():
        model[1].weight[:2] = 0
    torch.save(model.state_dict(), tmp_path / "model.pt")
    before = list(sys.path)
    source = sources.load(tmp_path / "model.pt", f"{own_module}:Net", {"width": 4}, (2, 9))
    assert sys.path == before
    assert source.provenance["sparsity"] == {"1": 0.5}
    assert source.module(source.example).shape == (2, 18)


@pytest.mark.parametrize(
    ("attribute", "options", "message"),
    [
        ("Net", {"depth": 3}, "depth=3, but it said TypeError"),
        ("nothing", {}, "from no arguments, but it said AttributeError"),
        ("fails", {}, "no such luck"),
        ("number", {}, "expected it to return a torch.nn.Module, got int"),
    ],
)
def test_architectures_that_do_not_build(own_module, attribute, options, message, weights):
    with pytest.raises(InputError, match=message):
        sources.load(weights, f"{own_module}:{attribute}", options, (1, 16, 16))


def test_an_unknown_architecture_is_refused(weights):
    with pytest.raises(InputError, match="unknown model 'resnet19'"):
        sources.load(weights, "resnet19", {}, (1, 16, 16))
