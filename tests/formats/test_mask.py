import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sparseprune.errors import InputError
from sparseprune.formats import container, mask


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 4))


def first_row_dead() -> mask.Masks:
    kept = torch.ones(3, 2, 3, 3, dtype=torch.bool)
    kept[0] = False
    return {"0.weight": kept, "0.bias": torch.tensor([False, True, True])}


def test_apply_zeroes_exactly_the_masked_entries():
    model, before = net(), net().state_dict()
    mask.apply(model, first_row_dead())
    after = model.state_dict()
    assert torch.equal(after["0.weight"][0], torch.zeros(2, 3, 3))
    assert torch.equal(after["0.weight"][1:], before["0.weight"][1:])
    assert after["0.bias"][0] == 0
    assert torch.equal(after["3.weight"], before["3.weight"])


def test_apply_zeroes_what_is_not_a_number():
    model = net()
    with torch.no_grad():
        model[0].weight[0] = float("nan")
    mask.apply(model, first_row_dead())
    assert bool((model[0].weight[0] == 0).all())


def test_enforcer_acts_on_the_weights_of_the_moment():
    model = net()
    enforce = mask.enforcer(model, first_row_dead())
    for value in (1.0, 2.0):
        nn.init.constant_(model[0].weight, value)
        enforce()
        assert float(model[0].weight.detach().sum()) == value * 2 * 18


def test_enforcer_follows_a_model_that_changes_device():
    model = net()
    enforce = mask.enforcer(model, first_row_dead())
    model.to("meta")
    enforce()
    assert model[0].weight.device.type == "meta"


def test_gradients_are_not_recorded():
    model = net()
    mask.apply(model, first_row_dead())
    assert model[0].weight.is_leaf
    assert model[0].weight.requires_grad


def test_unknown_parameter():
    with pytest.raises(InputError, match="mask 'x': expected the name of a parameter"):
        mask.apply(net(), {"x": torch.ones(1, dtype=torch.bool)})


@pytest.mark.parametrize(
    ("kept", "got"),
    [
        (torch.ones(3, 2, 3, dtype=torch.bool), r"got bool of shape \[3, 2, 3\]"),
        (torch.ones(3, 2, 3, 3), r"got float32 of shape \[3, 2, 3, 3\]"),
    ],
)
def test_mask_that_does_not_fit_leaves_the_model_alone(kept, got):
    model, before = net(), net().state_dict()
    with pytest.raises(InputError, match=got):
        mask.apply(model, {**first_row_dead(), "0.weight": kept})
    assert all(
        torch.equal(a, b) for a, b in zip(model.state_dict().values(), before.values(), strict=True)
    )


def test_of_zeros_reads_back_what_apply_wrote():
    model = net()
    nn.init.ones_(model[1].bias)
    mask.apply(model, first_row_dead())
    found = mask.of_zeros(model)
    assert found.keys() == first_row_dead().keys()
    assert all(torch.equal(found[name], kept) for name, kept in first_row_dead().items())


shapes = st.lists(st.integers(1, 7), max_size=4)


@settings(max_examples=40, deadline=None)
@given(shapes=st.lists(shapes, max_size=4), seed=st.integers(0, 99))
def test_round_trip(shapes, seed, tmp_path_factory):
    path = tmp_path_factory.mktemp("mask") / "m.safetensors"
    generator = torch.Generator().manual_seed(seed)
    masks = {
        f"layer{number}": torch.rand(shape, generator=generator) < 0.5
        for number, shape in enumerate(shapes)
    }
    mask.save(path, masks)
    found = mask.load(path)
    assert found.keys() == masks.keys()
    assert all(torch.equal(found[name], masks[name]) for name in masks)


def test_a_bit_an_entry(tmp_path):
    masks = {"w": torch.rand(1000, 1000) < 0.5}
    mask.save(tmp_path / "m", masks)
    assert (tmp_path / "m").stat().st_size < 125_000 + 500


@pytest.mark.parametrize(
    ("shape", "bits"),
    [
        ([3], torch.zeros(2, dtype=torch.uint8)),
        ([9], torch.zeros(1, dtype=torch.uint8)),
        ([1 << 60], torch.zeros(1, dtype=torch.uint8)),
        ([-1], torch.zeros(0, dtype=torch.uint8)),
        ([True], torch.zeros(1, dtype=torch.uint8)),
        ("8", torch.zeros(1, dtype=torch.uint8)),
        ([8], torch.zeros(1)),
        ([8], torch.zeros(1, 1, dtype=torch.uint8)),
    ],
)
def test_bits_that_do_not_fit_their_shape(tmp_path, shape, bits):
    container.write(tmp_path / "m", "mask", {"w": bits}, {"shapes": {"w": shape}})
    with pytest.raises(InputError, match="mask 'w': expected the bits of shape"):
        mask.load(tmp_path / "m")


@pytest.mark.parametrize("document", [{}, {"shapes": {}}, {"shapes": {"v": [8]}}, {"shapes": 3}])
def test_bits_without_a_shape(tmp_path, document):
    container.write(tmp_path / "m", "mask", {"w": torch.zeros(1, dtype=torch.uint8)}, document)
    with pytest.raises(InputError, match="expected a shape for each of 1 masks"):
        mask.load(tmp_path / "m")
