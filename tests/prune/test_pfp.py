"""Against sections 2.4 and 2.5, in float64 and plain loops."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from sparseprune.prune import counts, cycle, ratios
from sparseprune.prune.pfp import EXPONENTS, Channels, draw_all, draw_rest, keep_largest
from sparseprune.prune.sampled import draws
from sparseprune.recipe import Prune

# Several channels per layer, sensitivities concentrated in some layers and not in others.
WIDTHS = (6, 10, 8)
# Two channels that matter, 20 of which a few will do.
WORTH = np.array([1.0, 0.9] + [0.02] * 20)


def chain(filled) -> nn.Module:
    model = filled(
        nn.Sequential(
            nn.Conv2d(2, WIDTHS[0], 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(WIDTHS[0], WIDTHS[1], 3),
            nn.ReLU(),
            nn.Conv2d(WIDTHS[1], WIDTHS[2], 1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(WIDTHS[2], 3),
        ),
        4,
    )
    with torch.no_grad():
        # One layer leans on few channels.
        model[2].weight[:, :4] *= 0.02
        model[4].weight[:, 3:] *= 0.3
    return model


def pictures(count: int = 3) -> torch.Tensor:
    return torch.randn(count, 2, 6, 6, generator=torch.Generator().manual_seed(8))


def channel_sensitivities(layer: nn.Module, read: torch.Tensor) -> list[float]:
    """Of each input channel: the largest of all relative contributions, one term at a time."""
    weight, read = layer.weight.detach().double(), read.double()
    if isinstance(layer, nn.Linear):
        weight, read = weight[:, :, None, None], read[:, :, None, None]
        padding = (0, 0)
    else:
        padding = layer.padding
    kernel = weight.shape[2:]
    best = [0.0] * weight.shape[1]
    for signed in (read.clamp(min=0), (-read).clamp(min=0)):
        places = functional.unfold(signed, kernel, padding=padding)
        columns = places.transpose(1, 2).reshape(-1, weight.shape[1], math.prod(kernel))
        for row in weight.reshape(len(weight), weight.shape[1], -1):
            for sign in (1, -1):
                terms = (sign * row).clamp(min=0) * columns
                totals = terms.sum((1, 2))
                for term, total in zip(terms, totals, strict=True):
                    if total > 1e-7:
                        shares = (term / total).amax(1).tolist()
                        best = [max(a, b) for a, b in zip(best, shares, strict=True)]
    return best


def unique(sensitivities: list[float], factor: float, error: float) -> int:
    """u_l of section 2.5 as it is written."""
    total = sum(sensitivities)
    number = math.ceil(3 * (6 + 2 * error) * factor * total / error**2)
    some = sum(1 - (1 - s / total) ** number for s in sensitivities)
    return min(max(math.ceil(some - 1e-9), 1), len(sensitivities))


def kept_at(sensitivities, factors, error):
    """For each layer, the input channels of largest sensitivity, as many as the bound asks for."""
    return [
        sorted(np.argsort(-np.array(s), kind="stable")[: unique(s, f, error)].tolist())
        for s, f in zip(sensitivities, factors, strict=True)
    ]


def references(model: nn.Module, inputs: torch.Tensor):
    places = {2: (16, 9), 4: (16, 1), 8: (1, 1)}
    sensitivities, factors = [], []
    for at, (positions, kernel) in places.items():
        read = model[:at](inputs).detach()
        sensitivities.append(channel_sensitivities(model[at], read))
        factors.append(2 * 3 * math.log(8 * (positions + 1) * kernel / 1e-16))
    return sensitivities, factors


def live_inputs(masks, name: str, size: int) -> list[int]:
    mask = masks.get(name)
    if mask is None:
        return list(range(size))
    return mask.flatten(2).any(2).any(0).nonzero().flatten().tolist()


@pytest.mark.parametrize("target", [0.2, 0.4, 0.6, 0.8])
def test_pfp_against_its_definition(filled, target):
    """Among all error bounds, the channels kept are those of one bound, nearest to the target."""
    model, inputs = chain(filled), pictures()
    options = Prune(method="PFP", ratios=[target])
    masks = cycle(model, inputs, options, target, held_out=inputs).masks
    found = [
        live_inputs(masks, f"{at}.weight", size)
        for at, size in zip((2, 4), WIDTHS[:2], strict=True)
    ]
    head = masks.get("8.weight", torch.ones(3, WIDTHS[2], dtype=torch.bool))
    found.append(head.any(0).nonzero().flatten().tolist())

    sensitivities, factors = references(model, inputs)
    dense = sum(parameter.numel() for parameter in model.parameters())
    kernels = (9, 9, 1, 1)
    best = math.inf
    choices = []
    for error in np.geomspace(1e-3, 1e8, 40000):
        kept = kept_at(sensitivities, factors, float(error))
        if choices and kept == choices[-1][1]:
            continue
        widths = [2, *map(len, kept), 3]
        size = sum(a * b * k + b for a, b, k in zip(widths[:-1], widths[1:], kernels, strict=True))
        distance = abs(1 - size / dense - target)
        choices.append((distance, kept))
        best = min(best, distance)
    assert any(kept == found and distance == best for distance, kept in choices)


def test_pfp_is_no_uniform_fraction_and_ft_no_global_threshold(filled):
    """Section 8, item 6."""
    model, inputs = chain(filled), pictures()

    def gone(method: str) -> list[float]:
        options = Prune(method=method, ratios=[0.5])
        masks = cycle(model, inputs, options, 0.5, held_out=inputs).masks
        made = [masks.get(f"{at}.weight") for at in (0, 2, 4)]
        return [0.0 if m is None else float((~m.flatten(1).any(1)).float().mean()) for m in made]

    with torch.no_grad():
        # A global threshold on norms would take layer 0 away first, and all of it.
        model[0].weight.mul_(1e-3)
        model[0].bias.mul_(1e-3)
    # Rounded to whole channels of 6, 10 and 8, a uniform fraction differs by half a channel.
    uniform = gone("FT")
    assert max(uniform) - min(uniform) <= 1 / 6
    by_error = gone("PFP")
    assert max(by_error) - min(by_error) > 0.3


def test_channels_needed_against_the_formula():
    sensitivities = [0.9, 0.5, 0.2, 0.05, 0.01, 0.0]
    factor = 2 * 3 * math.log(8 * 17 * 9 / 1e-16)
    item = Channels(np.array(sensitivities), factor * sum(sensitivities))
    for exponent in (-1, 0, 1, 1.5, 2, 3, 4):
        wanted = unique(sensitivities, factor, 10.0**exponent)
        assert item.needed(round(exponent * 1e6)) == wanted


@given(
    sensitivities=st.lists(st.floats(0, 1), min_size=1, max_size=20),
    exponents=st.lists(st.integers(EXPONENTS[0], EXPONENTS[-1]), min_size=2, max_size=2),
)
def test_fewer_channels_are_needed_for_larger_errors(sensitivities, exponents):
    item = Channels(np.array(sensitivities), 100 * sum(sensitivities))
    low, high = sorted(exponents)
    live = sum(value > 0 for value in sensitivities)
    assert max(1, live) >= item.needed(low) >= item.needed(high) >= 1
    assert item.needed(EXPONENTS[-1]) == 1


@pytest.mark.parametrize("coupling", ["group", "independent"])
def test_readers_of_drawn_channels_are_scaled(residual, coupling):
    model = residual(width=16)
    options = Prune(method="PFPRand", ratios=[0.4], coupling=coupling)
    pruned = cycle(model, residual.inputs, options, 0.4, held_out=residual.held_out)
    scale, mask = pruned.scales["conv2.weight"], pruned.masks["conv2.weight"]
    kept = mask.flatten(2).any(2).any(0)
    columns = scale[0, :, 0, 0]
    assert torch.equal(scale, columns[None, :, None, None].expand_as(scale))
    assert torch.equal(columns > 0, kept)
    assert len(columns[kept].unique()) > 1
    before = model.conv2.weight.detach().clone()
    pruned.apply(model)
    torch.testing.assert_close(model.conv2.weight, before * scale * mask)


def test_drawn_channels_stand_for_those_that_are_not():
    random = np.random.default_rng(1)
    for choose in (draw_all, draw_rest):
        found = np.array([choose(WORTH, 6, random) for _ in range(400)])
        error = found.std(0) / 400**0.5
        # An entry that is kept for sure has no error.
        assert (np.abs(found.mean(0) - 1) <= 5 * error + 1e-12).all()


def test_top_keeps_for_sure_what_is_drawn_at_least_once_on_average():
    probabilities = WORTH / WORTH.sum()
    sure = probabilities >= 1 / draws(probabilities, 6)
    assert sure.tolist() == [True, True] + [False] * 20
    factors = draw_rest(WORTH, 6, np.random.default_rng(0))
    assert (factors[sure] == 1).all()
    drawn = factors[~sure]
    assert 0 < (drawn > 0).sum() < 20
    # What is drawn stands for all 20: about as much together, in whole shares.
    assert drawn.sum() == pytest.approx(20)


def test_equal_sensitivities_are_kept_from_the_first_on():
    assert keep_largest(np.ones(5), 2, np.random.default_rng(0)).tolist() == [1, 1, 0, 0, 0]


def test_readers_of_tied_channels_share_the_largest_sensitivity(filled):
    """Group: what the sum of two branches feeds is kept for whichever reader needs it most."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(1, 4, 1)
            self.left = nn.Conv2d(4, 5, 1)
            self.right = nn.Conv2d(4, 5, 1)
            self.head = nn.Linear(10, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.relu(self.stem(x))
            x = torch.relu(torch.cat([self.left(x), self.right(x)], 1))
            return self.head(x.mean((2, 3)))

    model = filled(Two(), 2)
    with torch.no_grad():
        model.stem.weight.fill_(1)
        model.stem.bias.fill_(0.1)
        model.left.weight.fill_(0.01)
        model.right.weight.fill_(0.01)
        # Channel 0 matters to the left alone, channel 3 to the right alone.
        model.left.weight[:, 0] = 1
        model.right.weight[:, 3] = 1
    inputs = torch.rand(4, 1, 3, 3)
    options = Prune(method="PFP", ratios=[0.5], ignored_layers=["left", "right"])
    pruned = cycle(model, inputs, options, 0.2, held_out=inputs)
    kept = pruned.masks["stem.weight"].flatten(1).any(1).tolist()
    assert kept[0]
    assert kept[3]
    assert not all(kept)


def test_independent_layers_stop_reading_channels_of_their_own(residual):
    """The stem's channels live while anyone reads them, the sum's other term stays as it is."""
    model = residual(width=16)
    options = Prune(method="PFP", ratios=[0.5], coupling="independent", prune_output_layer=True)
    dense = counts(model, residual.inputs)
    pruned = cycle(model, residual.inputs, options, 0.5, held_out=residual.held_out)
    pruned.apply(model)
    assert ratios(counts(model, residual.inputs), dense)["params"] == pytest.approx(0.5, abs=0.05)
    reads = {
        name: (model.get_parameter(f"{name}.weight") != 0).flatten(2).any(2).any(0)
        if name != "head"
        else (model.head.weight != 0).any(0)
        for name in ("conv1", "head")
    }
    assert not torch.equal(reads["conv1"], reads["head"])
    assert bool(model.head.weight.any(1).all())
    # What conv1 makes is read by conv2 alone, so what conv2 does not read is not made.
    made = (model.conv1.weight != 0).flatten(1).any(1)
    read = (model.conv2.weight != 0).flatten(2).any(2).any(0)
    assert torch.equal(made, read)
