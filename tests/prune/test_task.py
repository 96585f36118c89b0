import pytest
import torch
from torch import nn

from sparseprune.errors import InputError
from sparseprune.graph import trace
from sparseprune.prune.task import allowed
from sparseprune.recipe import Prune


def choose(model, inputs, *ignored, output=False):
    settings = Prune(
        method="WT", ratios=[0.5], ignored_layers=list(ignored), prune_output_layer=output
    )
    return allowed(trace(model, inputs), settings)


def test_output_layer_is_spared_unless_asked_for(residual):
    model = residual()
    assert choose(model, residual.inputs) == {"stem", "conv1", "conv2"}
    assert choose(model, residual.inputs, output=True) == {"stem", "conv1", "conv2", "head"}


@pytest.mark.parametrize(
    ("ignored", "left"),
    [
        (["conv1"], {"stem", "conv2"}),
        (["re:conv"], {"stem"}),
        (["re:.*2"], {"stem", "conv1"}),
        (["stem", "re:conv[1]$"], {"conv2"}),
    ],
)
def test_ignored_layers_by_name_and_by_pattern(residual, ignored, left):
    assert choose(residual(), residual.inputs, *ignored) == left


def test_a_dot_in_a_name_is_a_dot():
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2)), nn.Linear(2, 2), nn.Linear(2, 2))
    assert choose(model, torch.zeros(1, 2), "0.0") == {"1"}
    with pytest.raises(InputError, match=r"expected '0\.' to match a layer"):
        choose(model, torch.zeros(1, 2), "0.")


@pytest.mark.parametrize("entry", ["con", "conv", "stem_norm", "re:layer", ""])
def test_entry_that_matches_nothing_lists_the_layers(residual, entry):
    with pytest.raises(InputError, match="to match a layer, got no match; layers: stem, conv1"):
        choose(residual(), residual.inputs, entry)


def test_many_layers_are_not_all_listed():
    model = nn.Sequential(*[nn.Linear(2, 2) for _ in range(30)])
    with pytest.raises(InputError, match=r"layers: 0, 1, .*, 19 and 10 more$"):
        choose(model, torch.zeros(1, 2), "x")


def test_entry_that_is_no_regular_expression(residual):
    with pytest.raises(InputError, match=r"regular expression after 're:', got '\(': "):
        choose(residual(), residual.inputs, "re:(")


def test_everything_ignored(residual):
    with pytest.raises(InputError, match="expected a layer to prune, got none: of stem, conv1"):
        choose(residual(), residual.inputs, "re:.*")
