"""A run cut between two cycles and continued from its files ends at the same weights."""

import copy

import pytest
import torch
from torch import nn

from sparseprune import train
from sparseprune.formats import checkpoint, mask
from sparseprune.formats.checkpoint import Checkpoint
from sparseprune.prune import Counts, counts, cycle
from sparseprune.recipe import Prune, Train

RETRAIN = Train(epochs=1, batch_size=8, lr=0.05)


def one_cycle(model: nn.Module, inputs: torch.Tensor, method: str, target: float, dense: Counts):
    settings = Prune(method=method, ratios=[target])
    masks = cycle(model, inputs, settings, target, dense).masks
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(24, 2, 6, 6, generator=generator)
    train.fit(model, images, torch.arange(24) % 3, RETRAIN, seed=7, masks=masks)
    return masks


@pytest.mark.parametrize("method", ["WT", "FT"])
def test_continuing_from_files_gives_bit_equal_weights(residual, tmp_path, method):
    model = residual()
    dense = counts(model, residual.inputs)
    first = one_cycle(model, residual.inputs, method, 0.4, dense)
    meta = {"dense": vars(dense)}
    checkpoint.save(tmp_path / "c", Checkpoint({"name": "x"}, model.state_dict(), meta))
    mask.save(tmp_path / "m", first)
    straight = one_cycle(model, residual.inputs, method, 0.7, dense)

    stored = checkpoint.load(tmp_path / "c")
    resumed = copy.deepcopy(residual(seed=1))
    resumed.load_state_dict(stored.state)
    assert all(torch.equal(first[name], kept) for name, kept in mask.load(tmp_path / "m").items())
    again = one_cycle(resumed, residual.inputs, method, 0.7, Counts(**stored.meta["dense"]))
    assert straight.keys() == again.keys()
    assert all(torch.equal(straight[name], again[name]) for name in straight)
    assert checkpoint.digest(model.state_dict()) == checkpoint.digest(resumed.state_dict())


def test_retrained_zeros_are_those_of_the_masks(residual):
    """Masks can be read off a checkpoint: training adds no exact zero and revives none."""
    model = residual()
    dense = counts(model, residual.inputs)
    masks = one_cycle(model, residual.inputs, "FT", 0.5, dense)
    found = mask.of_zeros(model)
    assert found.keys() == masks.keys()
    assert all(torch.equal(found[name], kept) for name, kept in masks.items())
